import Foundation
import Runtime
import SQL

/// Which managers are at work: each says so now and then, and one that has not for a while is gone.
///
/// This saves a wait, and protects nothing: a manager that was only asleep comes back and finds in the database what others
/// did meanwhile.
package struct ManagerPresence: Sendable {
    /// How long a manager counts as present after it said so.
    package static let lifetime: Duration = .seconds(30)
    private static let prefix = "buildman/"

    private let database: any Database
    private let clock: WallClock
    private let manager: String

    /// - Parameter manager: the text of this process's ``ManagerIdentity``.
    package init(_ platform: Platform, manager: String) {
        self.database = platform.database
        self.clock = platform.clock
        self.manager = manager
    }

    /// Says that this manager is at work, where that was not said lately, and answers who else is.
    package func announce() async throws -> Set<String> {
        let now = clock.now
        // Written down at every third of its lifetime: who only asks doesn't wake everybody.
        guard try await present(at: now.addingTimeInterval(Self.lifetime.seconds * 2 / 3)).contains(manager) else {
            return try await write(at: now)
        }
        return try await present(at: now).subtracting([manager])
    }

    private func write(at now: Date) async throws -> Set<String> {
        let until = now.addingTimeInterval(Self.lifetime.seconds)
        return try await database.write { [manager] transaction in
            _ = try StepLeaseStore.take(Self.prefix + manager, by: manager, until: until, at: now, in: transaction)
            try StepLeaseStore.forget(startingWith: Self.prefix, until: now - Self.keptSeconds, in: transaction)
            return try Self.present(at: now, in: transaction).subtracting([manager])
        }
    }

    private func present(at moment: Date) async throws -> Set<String> {
        try await database.read { try Self.present(at: moment, in: $0) }
    }

    private static func present(at moment: Date, in transaction: any Transaction) throws -> Set<String> {
        try Set(
            StepLeaseStore.held(startingWith: prefix, at: moment, in: transaction)
                .map { String($0.dropFirst(prefix.count)) })
    }

    /// This manager stops: others take over at once what goes on without it.
    package func leave() async throws {
        try await database.write { [manager] in
            try StepLeaseStore.release(Self.prefix + manager, by: manager, in: $0)
        }
    }

    /// Rows of processes that ended long ago are of no use to anybody.
    private static let keptSeconds: TimeInterval = 3600
}
