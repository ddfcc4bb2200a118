package import Foundation
package import Runtime
package import Secrets

/// Makes and checks the addresses under which one uploaded file may be stored once, or read, until they expire.
///
/// Whoever has the address has the right: it names the file, what may be done with it, and its end.
package struct UserFileURLs: Sendable {
    package enum Use: String, Sendable, Hashable, Codable {
        case store = "PUT"
        case read = "GET"
    }

    /// How long a person may take to begin an upload.
    package static let storeLifetime: TimeInterval = 3600

    private let tokens: SignedTokens
    private let clock: WallClock

    /// - Parameter secret: the text of SECRET_KEY.
    package init(secret: String, clock: WallClock, randomness: Randomness) {
        self.tokens = SignedTokens(secret: secret, purpose: "userfile", randomness: randomness)
        self.clock = clock
    }

    /// The address that serves `use` of one file for `lifetime` seconds.
    /// - Parameter base: scheme and host of the site, without a slash at the end.
    package func url(_ use: Use, file uuid: String, base: String, lifetime: TimeInterval) throws -> String {
        let token = try tokens.issue(
            use, expiresAt: clock.now.addingTimeInterval(lifetime), context: Self.context(use, uuid))
        return "\(base)/userfiles/\(uuid)?signature=\(token)"
    }

    /// Whether `signature` allows `use` of the file now. Throws ``SignedTokens/Failure``.
    package func check(_ signature: String, for use: Use, file uuid: String) throws(SignedTokens.Failure) {
        guard try tokens.read(signature, as: Use.self, context: Self.context(use, uuid), now: clock.now) == use else {
            throw .invalid
        }
    }

    private static func context(_ use: Use, _ uuid: String) -> String { "\(use.rawValue) \(uuid)" }
}
