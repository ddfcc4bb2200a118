package import Foundation
package import SQL

/// All SQL on `step_lease`: which process does a background step that only one should do at a time.
///
/// A lease saves work, it protects nothing: a step stays right when two processes run it.
package enum StepLeaseStore {
    /// Takes or extends the lease; false while another holder has it.
    package static func take(
        _ name: String, by holder: String, until moment: Date, at now: Date, in transaction: any Transaction
    ) throws -> Bool {
        try transaction.run(
            """
            INSERT INTO step_lease (name, holder, expires_ms) VALUES (\(name), \(holder), \(moment))
            ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, expires_ms = excluded.expires_ms
            WHERE step_lease.holder = excluded.holder OR step_lease.expires_ms <= \(now)
            """) == 1
    }

    /// Gives the lease back, if `holder` still has it.
    package static func release(_ name: String, by holder: String, in transaction: any Transaction) throws {
        try transaction.run("DELETE FROM step_lease WHERE name = \(name) AND holder = \(holder)")
    }

    /// The names of leases that somebody holds, among those that begin with `prefix`.
    package static func held(
        startingWith prefix: String, at now: Date, in transaction: any Transaction
    ) throws -> [String] {
        // Compared as a prefix by length: a name may hold `_`, which LIKE would take for any character.
        try transaction.rows(
            """
            SELECT name FROM step_lease WHERE substr(name, 1, CAST(\(prefix.count) AS INTEGER)) = \(prefix)
                AND expires_ms > \(now)
            """
        ).map { try $0.text("name") }
    }

    /// Removes leases that ran out before `moment`, among those that begin with `prefix`.
    package static func forget(
        startingWith prefix: String, until moment: Date, in transaction: any Transaction
    ) throws {
        try transaction.run(
            """
            DELETE FROM step_lease WHERE substr(name, 1, CAST(\(prefix.count) AS INTEGER)) = \(prefix)
                AND expires_ms <= \(moment)
            """)
    }
}
