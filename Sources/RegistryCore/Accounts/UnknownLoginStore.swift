import Domain
import Foundation
import SQL
import Secrets

/// All SQL on `unknown_login`: the wrong passwords given for names that nobody has. They wait as an account would, so that
/// neither the waiting nor the work tells which names exist.
enum UnknownLoginStore {
    static func throttle(_ name: String, in transaction: any Transaction) throws -> LoginThrottle {
        let row = try transaction.row(
            "SELECT failures, last_failure_ms FROM unknown_login WHERE name_hash = \(key(name))")
        guard let row else { return LoginThrottle(failures: 0, lastFailure: nil) }
        return LoginThrottle(failures: try row.int("failures"), lastFailure: try row.date("last_failure_ms"))
    }

    static func recordWrongPassword(_ name: String, at moment: Date, in transaction: any Transaction) throws {
        try transaction.run(
            """
            INSERT INTO unknown_login (name_hash, failures, last_failure_ms) VALUES (\(key(name)), 1, \(moment))
            ON CONFLICT (name_hash) DO UPDATE SET failures = unknown_login.failures + 1, last_failure_ms = \(moment)
            """)
    }

    /// Keeps the `capacity` names that were tried last, of those tried since `moment`; answers how many were removed.
    static func deleteStale(before moment: Date, capacity: Int, in transaction: any Transaction) throws -> Int {
        let old = try transaction.run("DELETE FROM unknown_login WHERE last_failure_ms < \(moment)")
        let excess = try transaction.run(
            """
            DELETE FROM unknown_login WHERE name_hash IN
                (SELECT name_hash FROM unknown_login ORDER BY last_failure_ms DESC, name_hash
                    LIMIT 1000000000 OFFSET \(capacity))
            """)
        return old + excess
    }

    /// Names may be of any length and hold any byte: only their hash is kept.
    private static func key(_ name: String) -> String { SecretToken(name.lowercased()).storedHash }
}
