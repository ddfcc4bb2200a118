import Crypto
import Foundation
package import Runtime

/// A random text that opens something to whoever shows it.
///
/// Printing one shows no secret: ``text`` must be asked for by name, where it is handed to its owner.
package struct SecretToken: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package let text: String

    /// Takes a token that somebody showed, or that was read from its encrypted column.
    package init(_ text: String) { self.text = text }

    /// A new token of `length` characters, each chosen from `alphabet`.
    ///
    /// The default, 40 characters of 62, has 238 bits: it can't be guessed.
    package static func random(
        length: Int = 40, from alphabet: [Character] = Self.alphanumeric, using randomness: Randomness
    ) -> SecretToken {
        SecretToken(randomness.text(length, from: alphabet))
    }

    /// Latin letters of both cases and digits: 62 characters, safe in URLs, headers and shells.
    package static let alphanumeric: [Character] = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")
    /// Capital letters and digits: 36 characters, for secrets that people may have to read out.
    package static let capitals: [Character] = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")

    /// What is stored of a token that needn't be shown again: SHA-256 in lower case hexadecimal.
    ///
    /// No salt and no stretching: a random token has nothing to guess, and the hash is the key of the look-up.
    package var storedHash: String {
        SHA256.hash(data: Data(text.utf8)).map { String(UInt16($0) + 0x100, radix: 16).dropFirst() }.joined()
    }

    /// Whether this token's hash is `storedHash`, in constant time.
    package func matches(storedHash: String) -> Bool {
        constantTimeEquals(self.storedHash.utf8, storedHash.utf8)
    }

    /// Whether both are the same token, in constant time (for tokens that are stored encrypted).
    package func matches(_ other: SecretToken) -> Bool {
        // Compared by hash, so that not even the length shows.
        constantTimeEquals(storedHash.utf8, other.storedHash.utf8)
    }

    package var description: String { "SecretToken(…)" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
