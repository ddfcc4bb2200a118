package import Foundation

/// A key that requests are signed with.
package struct AWSCredentials: Sendable, Hashable {
    package let accessKeyID: String
    package let secretAccessKey: String
    /// Belongs to keys that were lent for a while, and is sent along.
    package let sessionToken: String?
    /// When lent keys end; nil for keys without an end.
    package let expiresAt: Date?

    package init(accessKeyID: String, secretAccessKey: String, sessionToken: String? = nil, expiresAt: Date? = nil) {
        self.accessKeyID = accessKeyID
        self.secretAccessKey = secretAccessKey
        self.sessionToken = sessionToken
        self.expiresAt = expiresAt
    }
}

extension AWSCredentials: CustomStringConvertible, CustomDebugStringConvertible {
    /// Without the secrets: this may end in a log.
    package var description: String { "AWS key \(accessKeyID)" }
    package var debugDescription: String { description }
}
