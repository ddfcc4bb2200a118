import Synchronization

import struct Logging.Logger
import struct Runtime.WallClock
import class SQL.SignalHub

/// Hears the signals of every process through LISTEN, on a connection of its own, from the first listener on.
final class PostgresSignals: Sendable {
    /// One channel for all signals, whose names are the payloads: one LISTEN suffices whoever joins later.
    static let channel = "registry_signals"

    private let url: String
    private let hub: SignalHub
    private let clock: WallClock
    private let logger: Logger
    private let task = Mutex<Task<Void, Never>?>(nil)

    init(url: String, hub: SignalHub, clock: WallClock, logger: Logger) {
        self.url = url
        self.hub = hub
        self.clock = clock
        self.logger = logger
    }

    /// Call after the listener is in the hub. Safe to call again.
    func start() {
        task.withLock { task in
            guard task == nil else { return }
            task = Task { await self.listen() }
        }
    }

    /// Ends soon; ``stop()`` waits for it.
    func cancel() { task.withLock { $0?.cancel() } }

    func stop() async {
        let running = task.withLock { $0 }
        running?.cancel()
        await running?.value
    }

    private func listen() async {
        var pause = Duration.milliseconds(100)
        while !Task.isCancelled {
            do {
                let stop = try StopPipe()
                let connection = try await PostgresConnection.open(url: url)
                pause = .milliseconds(100)
                try await withTaskCancellationHandler {
                    // What was sent before LISTEN stood, nobody has heard.
                    try await connection.listen(until: stop, ready: hub.wakeAll, heard: hub.wake(named:))
                } onCancel: {
                    stop.stop()
                }
                return
            } catch {
                logger.warning("Signals of PostgreSQL are not heard for the moment: \(error)")
            }
            do { try await clock.sleep(for: pause) } catch { return }
            pause = min(pause * 2, .seconds(5))
        }
    }
}
