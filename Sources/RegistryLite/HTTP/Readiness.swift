import Runtime
import ServiceLifecycle
import Synchronization

/// Whether this process wants requests. Not any more from SIGTERM on, so that balancers turn elsewhere.
final class Readiness: Sendable {
    private let draining = Atomic(false)

    var isDraining: Bool { draining.load(ordering: .relaxed) }

    func drain() { draining.store(true, ordering: .relaxed) }
}

/// The first service that hears of the program's end: says so in the health, and holds the end up for `delay`, in which
/// balancers notice.
struct DrainingPeriod: Service {
    let readiness: Readiness
    let delay: Duration
    let clock: WallClock

    func run() async throws {
        do { try await gracefulShutdown() } catch is CancellationError { return }
        readiness.drain()
        guard delay > .zero else { return }
        do { try await clock.sleep(for: delay) } catch is CancellationError {
            // The program ends without waiting.
        }
    }
}
