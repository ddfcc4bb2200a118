import GRDB
import Synchronization

import struct Logging.Logger
import struct Runtime.WallClock
import class SQL.SignalHub

/// Notices the commits of every process on one file, while somebody listens.
///
/// SQLite has no way to say *what* changed, so each commit wakes every listener.
final class CommitWatch: Sendable {
    static let period = Duration.milliseconds(40)

    private let path: String
    private let hub: SignalHub
    private let clock: WallClock
    private let logger: Logger
    private let task = Mutex<Task<Void, Never>?>(nil)

    init(path: String, hub: SignalHub, clock: WallClock, logger: Logger) {
        self.path = path
        self.hub = hub
        self.clock = clock
        self.logger = logger
    }

    /// Call after the listener is in the hub. Safe to call while it runs.
    func start() {
        task.withLock { task in
            guard task == nil else { return }
            task = Task { await self.watch() }
        }
    }

    /// Ends soon; ``stop()`` waits for it.
    func cancel() { task.withLock { $0?.cancel() } }

    func stop() async {
        let running = task.withLock { $0 }
        running?.cancel()
        await running?.value
    }

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
        while !stopsForLackOfListeners() {
            let version = try await connection.unsafeRead { try Int64.fetchOne($0, sql: "PRAGMA data_version") }
            if version != known {
                known = version
                hub.wakeAll()
            }
            try await clock.sleep(for: Self.period)
        }
    }

    // Asked under the lock that `start` takes: a listener that comes just now either keeps this loop or starts another.
    private func stopsForLackOfListeners() -> Bool {
        task.withLock { task in
            if hub.hasListeners { return false }
            task = nil
            return true
        }
    }
}
