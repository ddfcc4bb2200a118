/// A key and a value that describe a manifest. Source: Quay, labels.
package struct ManifestLabel: Sendable, Hashable {
    /// Where a label comes from.
    package enum Source: String, Sendable, Hashable {
        /// The image's own configuration: part of the image, never changed.
        case manifest
        /// Somebody who added it over the API; the only kind that can be removed.
        case api
        case `internal`
    }

    /// What the value is.
    package enum MediaType: String, Sendable, Hashable, CaseIterable {
        case text = "text/plain"
        case json = "application/json"
    }

    package let uuid: String
    package let key: String
    package let value: String
    package let source: Source
    package let mediaType: MediaType

    package init(uuid: String, key: String, value: String, source: Source, mediaType: MediaType) {
        self.uuid = uuid
        self.key = key
        self.value = value
        self.source = source
        self.mediaType = mediaType
    }

    /// Only what somebody added can be removed.
    package var isMutable: Bool { source == .api }
}

/// The key of a label that somebody adds. An image's own labels may have any key.
///
/// Shape: 1-255 lower-case letters and digits, joined by single dots or dashes. Source: Quay, label keys.
package struct LabelKey: Sendable, Hashable {
    package enum Malformed: Error, Sendable, Hashable {
        case shape(String)
        /// Begins with a prefix that is kept for others.
        case reserved(String)

        /// As the API says it.
        package var message: String {
            switch self {
            case .shape(let text):
                "Label key '\(text.prefix(64))' is invalid: it must be 1-255 lower-case letters and digits, joined by single '.' or '-'."
            case .reserved: "Label has a reserved prefix"
            }
        }
    }

    package let text: String

    /// - Parameter reserved: the beginnings that nobody may use, compared without regard to case.
    /// Throws ``Malformed``.
    package init(_ text: String, reserved: [String] = []) throws(Malformed) {
        let lower = text.lowercased()
        if reserved.contains(where: { !$0.isEmpty && lower.hasPrefix($0.lowercased()) }) { throw .reserved(text) }
        let parts = text.utf8.split(omittingEmptySubsequences: false) { $0 == Self.dot || $0 == Self.dash }
        guard (1...255).contains(text.utf8.count), parts.allSatisfy({ !$0.isEmpty && $0.allSatisfy(Self.isWord) })
        else { throw .shape(text) }
        self.text = text
    }

    private static let dot = UInt8(ascii: ".")
    private static let dash = UInt8(ascii: "-")

    private static func isWord(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
}
