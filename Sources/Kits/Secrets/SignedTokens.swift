import Crypto
package import Foundation
package import Runtime

/// Makes and reads the short sealed tokens of one purpose: what the server hands out and wants back unchanged.
///
/// A token carries a small JSON value and a moment of expiry, authenticated and encrypted (AES-256-GCM), bound to a
/// context. Tokens of different purposes have different keys, so that a paging cursor is never a session.
/// Shape: base64url(version 1 | nonce, 12 bytes | ciphertext | tag, 16 bytes); at most ``maximumLength`` characters.
package struct SignedTokens: Sendable {
    /// Why a token was not read. Clients get one answer for all but `expired`.
    package enum Failure: Error, Equatable, CustomStringConvertible {
        /// Not one of ours: wrong shape, other purpose or context, other key, or altered.
        case invalid
        /// Ours, but its time is over.
        case expired
        /// The value to carry is too large for a token.
        case tooLarge

        package var description: String {
            switch self {
            case .invalid: "The token is not valid."
            case .expired: "The token has expired."
            case .tooLarge: "The value is too large for a token."
            }
        }
    }

    /// Longest token that is made or looked at.
    package static let maximumLength = 4096
    private static let version: UInt8 = 1
    private let key: DerivedKey
    private let randomness: Randomness

    /// `secret` is the text of SECRET_KEY; `purpose` a fixed word of the caller's, such as `session`, part of the key.
    package init(secret: String, purpose: String, randomness: Randomness) {
        self.key = DerivedKey(secret: secret, label: "token v1: \(purpose)")
        self.randomness = randomness
    }

    /// A token that carries `value` until `expiry`.
    ///
    /// `context` says what the token is good for beyond its purpose (a path, a user); reading needs the same one.
    package func issue(_ value: some Encodable, expiresAt expiry: Date, context: String = "") throws -> String {
        let milliseconds = Int64((expiry.timeIntervalSince1970 * 1000).rounded())
        let payload = try withUnsafeBytes(of: milliseconds.bigEndian) { Data($0) } + JSONEncoder().encode(value)
        let box = try AES.GCM.seal(
            payload, using: key.symmetric, nonce: AES.GCM.Nonce(data: Data(randomness.bytes(12))),
            authenticating: Data(context.utf8))
        let token = Base64URL.encode([Self.version] + Data(box.nonce) + box.ciphertext + box.tag)
        guard token.utf8.count <= Self.maximumLength else { throw Failure.tooLarge }
        return token
    }

    /// The value in `token`; it must have been issued for the same purpose and context, and `now` be before its expiry.
    package func read<Value: Decodable>(
        _ token: String, as type: Value.Type = Value.self, context: String = "", now: Date
    ) throws(Failure) -> Value {
        guard token.utf8.count <= Self.maximumLength, let bytes = Base64URL.decode(token), bytes.first == Self.version
        else { throw .invalid }
        let payload: Data
        let value: Value
        do {
            let box = try AES.GCM.SealedBox(combined: Data(bytes.dropFirst()))
            payload = try AES.GCM.open(box, using: key.symmetric, authenticating: Data(context.utf8))
            value = try JSONDecoder().decode(type, from: payload.dropFirst(8))
        } catch {
            throw .invalid
        }
        let milliseconds = payload.prefix(8).reduce(Int64(0)) { $0 << 8 | Int64($1) }
        guard now.timeIntervalSince1970 * 1000 < Double(milliseconds) else { throw .expired }
        return value
    }
}
