import Crypto
import Foundation
import Runtime
import Synchronization

/// Passwords that were found right a short time ago, so that a client that sends its password for every registry token
/// does not cost a bcrypt each time.
///
/// Kept as HMAC-SHA256 under a key of this process over account, stored hash and password: a new password makes another
/// entry necessary, whoever sets it. Asked only after the account was read afresh and is neither disabled nor waiting.
final class VerifiedPasswords: Sendable {
    /// How long a check counts, in seconds.
    static let lifetime: TimeInterval = 300
    private static let capacity = 4096

    private let key: SymmetricKey
    private let entries = Mutex<[Data: Date]>([:])

    init(randomness: Randomness) { key = SymmetricKey(data: Data(randomness.bytes(32))) }

    func contains(_ password: String, of accountID: Int64, hash: String, at now: Date) -> Bool {
        let code = code(password, accountID, hash)
        return entries.withLock { entries in
            entries[code].map { abs(now.timeIntervalSince($0)) < Self.lifetime } ?? false
        }
    }

    func insert(_ password: String, of accountID: Int64, hash: String, at now: Date) {
        let code = code(password, accountID, hash)
        entries.withLock { entries in
            if entries.count >= Self.capacity {
                entries = entries.filter { abs(now.timeIntervalSince($0.value)) < Self.lifetime }
                if entries.count >= Self.capacity { entries.removeAll() }
            }
            entries[code] = now
        }
    }

    private func code(_ password: String, _ accountID: Int64, _ hash: String) -> Data {
        // The hash has a fixed length and the number no blank: no two triples give one text.
        Data(HMAC<SHA256>.authenticationCode(for: Data("\(accountID) \(hash) \(password)".utf8), using: key))
    }
}
