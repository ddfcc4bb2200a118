/// What a new password must be: 8 characters or more, no white space, at most 72 bytes (bcrypt reads no more).
package enum PasswordRule {
    package struct Broken: Error, Sendable, Hashable {
        package let message: String
    }

    /// Throws ``Broken`` with a sentence for the person who chose the password; the password is not repeated.
    package static func check(_ password: String) throws(Broken) {
        guard password.count >= 8 else {
            throw Broken(message: "Invalid password, password must be at least 8 characters and contain no whitespace.")
        }
        guard !password.unicodeScalars.contains(where: { $0.properties.isWhitespace || $0.value == 0 }) else {
            throw Broken(message: "Invalid password, password must be at least 8 characters and contain no whitespace.")
        }
        guard password.utf8.count <= 72 else {
            throw Broken(message: "Invalid password, password can have at most 72 bytes.")
        }
    }
}
