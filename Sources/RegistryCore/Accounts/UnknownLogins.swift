import Crypto
import Domain
import Foundation
import Synchronization

/// The wrong passwords given for names that nobody has: they wait as an account would, so that the waiting tells nobody
/// which names exist.
///
/// Kept in memory, for a bounded number of names: losing an entry only lets a guess at nobody through.
final class UnknownLogins: Sendable {
    private static let capacity = 4096
    private let failures = Mutex<[SHA256Digest: LoginThrottle]>([:])

    func throttle(_ name: String) -> LoginThrottle {
        failures.withLock { $0[Self.key(name)] } ?? LoginThrottle(failures: 0, lastFailure: nil)
    }

    func recordWrongPassword(_ name: String, at moment: Date) {
        let key = Self.key(name)
        failures.withLock { failures in
            if failures.count >= Self.capacity {
                // What has waited out goes first; if everything still waits, everything goes.
                failures = failures.filter { $0.value.secondsToWait(at: moment) != nil }
                if failures.count >= Self.capacity { failures.removeAll() }
            }
            failures[key] = LoginThrottle(failures: (failures[key]?.failures ?? 0) + 1, lastFailure: moment)
        }
    }

    /// Names may be of any length: only their hash is kept.
    private static func key(_ name: String) -> SHA256Digest { SHA256.hash(data: Data(name.lowercased().utf8)) }
}
