import Crypto
import Foundation
package import Runtime

/// Encrypts the secrets that must be shown or used again (robot tokens, deploy keys, trigger credentials) in their columns.
///
/// AES-256-GCM under a key derived from DATABASE_SECRET_KEY. Each value is bound to its table and column (and, where the
/// caller has it, its row), so that a value copied elsewhere by somebody with write access to the database doesn't open.
/// Shape: `fc1:` + base64url(nonce, 12 bytes | ciphertext | tag, 16 bytes); the prefix names the scheme for later ones.
package struct FieldCipher: Sendable {
    /// Where a value stands.
    package struct Field: Sendable, Hashable {
        package let table: String
        package let column: String
        package let row: String?

        /// `row` is an identifier that never changes (a uuid), or nil where none is known when encrypting.
        package init(table: String, column: String, row: String? = nil) {
            self.table = table
            self.column = column
            self.row = row
        }

        /// Lengths first: no two different fields give the same bytes.
        var associatedData: Data {
            Data(
                [table, column, row].map { part in part.map { "\($0.utf8.count):\($0)" } ?? "-" }.joined(separator: "/")
                    .utf8)
        }
    }

    /// Why a stored value could not be read. Neither value nor key is repeated.
    package enum Failure: Error, Equatable, CustomStringConvertible {
        /// The text doesn't have the shape of an encrypted value.
        case notEncrypted
        /// Another key, another field, or changed bytes.
        case doesNotOpen(table: String, column: String)

        package var description: String {
            switch self {
            case .notEncrypted: "The stored secret is not in the encrypted form."
            case .doesNotOpen(let table, let column):
                "A stored secret in \(table).\(column) can't be decrypted: DATABASE_SECRET_KEY has changed, or the value was altered."
            }
        }
    }

    private static let prefix = "fc1:"
    private let key: DerivedKey
    private let randomness: Randomness

    /// `secret` is the text of DATABASE_SECRET_KEY.
    package init(secret: String, randomness: Randomness) {
        self.key = DerivedKey(secret: secret, label: "database field v1")
        self.randomness = randomness
    }

    /// The text to store for `plain`; two calls never give the same one.
    package func encrypt(_ plain: String, for field: Field) throws -> String {
        let box = try AES.GCM.seal(
            Data(plain.utf8), using: key.symmetric, nonce: AES.GCM.Nonce(data: Data(randomness.bytes(12))),
            authenticating: field.associatedData)
        return Self.prefix + Base64URL.encode(Data(box.nonce) + box.ciphertext + box.tag)
    }

    /// The secret in `stored`, which must have been encrypted for the same field.
    package func decrypt(_ stored: String, for field: Field) throws(Failure) -> String {
        guard stored.hasPrefix(Self.prefix), let bytes = Base64URL.decode(String(stored.dropFirst(Self.prefix.count))),
            bytes.count >= 28
        else { throw .notEncrypted }
        do {
            let box = try AES.GCM.SealedBox(combined: Data(bytes))
            let plain = try AES.GCM.open(box, using: key.symmetric, authenticating: field.associatedData)
            return String(decoding: plain, as: UTF8.self)
        } catch {
            throw .doesNotOpen(table: field.table, column: field.column)
        }
    }
}
