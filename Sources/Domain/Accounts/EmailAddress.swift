/// The e-mail address of an account, as far as it must be right before a mail is tried.
///
/// Shape: one `@` with something on both sides, no blanks, quotes, commas, angle brackets or control characters, at most
/// 255 bytes. Kept as typed but for the case, since two accounts must not share one mailbox.
package struct EmailAddress: Sendable, Hashable, CustomStringConvertible {
    package struct Malformed: Error, Sendable, Hashable {
        package var message: String { "Invalid email address." }
    }

    package let text: String

    /// Throws ``Malformed``.
    package init(_ text: String) throws(Malformed) {
        let parts = text.split(separator: "@", omittingEmptySubsequences: false)
        guard parts.count == 2, parts.allSatisfy({ !$0.isEmpty }), text.utf8.count <= 255,
            text.unicodeScalars.allSatisfy(Self.isAllowed), parts[1].contains(where: { $0 != "." })
        else { throw Malformed() }
        self.text = text.lowercased()
    }

    package var description: String { text }

    private static func isAllowed(_ scalar: Unicode.Scalar) -> Bool {
        scalar.value > 0x20 && scalar.value != 0x7F && !scalar.properties.isWhitespace
            && !"<>\"',;:\\()[]".unicodeScalars.contains(scalar)
    }
}
