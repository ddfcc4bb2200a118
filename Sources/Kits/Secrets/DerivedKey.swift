import Crypto
import Foundation

/// One key for one purpose, derived from a secret text that the administrator keeps.
///
/// HKDF with SHA-256: keys of different labels tell nothing about each other nor about the secret. 256 bits.
struct DerivedKey: Sendable {
    let symmetric: SymmetricKey

    /// `secret` is any text; its strength is the strength of everything derived from it.
    /// `label` says what the key is for. The same label always gives the same key.
    init(secret: String, label: String) {
        self.symmetric = HKDF<SHA256>.deriveKey(
            inputKeyMaterial: SymmetricKey(data: Data(secret.utf8)), salt: Data("buildman key derivation v1".utf8),
            info: Data(label.utf8), outputByteCount: 32)
    }
}
