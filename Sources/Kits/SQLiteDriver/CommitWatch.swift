import GRDB

import struct Logging.Logger
import struct Runtime.WallClock
import class SQL.SignalHub
import class SQL.WatchTask

/// Notices the commits of every process on one file, while somebody listens.
///
/// SQLite has no way to say *what* changed, so each commit wakes every listener.
final class CommitWatch: Sendable {
    static let period = Duration.milliseconds(40)

    private let path: String
    private let hub: SignalHub
    private let clock: WallClock
    private let logger: Logger
    private let task = WatchTask()

    init(path: String, hub: SignalHub, clock: WallClock, logger: Logger) {
        self.path = path
        self.hub = hub
        self.clock = clock
        self.logger = logger
    }

    /// Call after the listener is in the hub. Safe to call while it runs.
    func start() { task.start { await self.watch() } }

    /// Ends soon; ``stop()`` waits for it.
    func cancel() { task.cancel() }

    func stop() async { await task.stop() }

    private func watch() async {
        while !Task.isCancelled {
            do {
                try await follow()
                return
            } catch is CancellationError {
                return
            } catch {
                // Whoever waits must not miss what happened meanwhile.
                logger.warning("The database file could not be watched, trying again: \(error)")
                hub.wakeAll()
                do { try await clock.sleep(for: .seconds(1)) } catch { return }
            }
        }
    }

    private func follow() async throws {
        var configuration = Configuration()
        configuration.readonly = true
        configuration.busyMode = .timeout(5)
        configuration.label = "sqlite-watch"
        let connection = try DatabaseQueue(path: path, configuration: configuration)
        var known: Int64?
        while task.goesOn(while: { hub.hasListeners }) {
            let version = try await connection.unsafeRead { try Int64.fetchOne($0, sql: "PRAGMA data_version") }
            if version != known {
                known = version
                hub.wakeAll()
            }
            try await clock.sleep(for: Self.period)
        }
    }
}
