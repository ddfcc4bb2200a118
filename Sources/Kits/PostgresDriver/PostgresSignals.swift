import struct Logging.Logger
import struct Runtime.WallClock
import class SQL.SignalHub
import class SQL.WatchTask

/// Hears the signals of every process through LISTEN, on a connection of its own, from the first listener on.
final class PostgresSignals: Sendable {
    /// One channel for all signals, whose names are the payloads: one LISTEN suffices whoever joins later.
    static let channel = "registry_signals"

    private let url: String
    private let hub: SignalHub
    private let clock: WallClock
    private let logger: Logger
    private let task = WatchTask()

    init(url: String, hub: SignalHub, clock: WallClock, logger: Logger) {
        self.url = url
        self.hub = hub
        self.clock = clock
        self.logger = logger
    }

    /// Call after the listener is in the hub. Safe to call again.
    func start() { task.start { await self.listen() } }

    /// Ends soon; ``stop()`` waits for it.
    func cancel() { task.cancel() }

    func stop() async { await task.stop() }

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
