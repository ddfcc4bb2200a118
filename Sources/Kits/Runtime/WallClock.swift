package import struct Foundation.Date

/// The time of day, and waiting for it: the only source of "now" in the product.
///
/// Tests pass a clock of their own; programs pass ``system``. Resolution: callers may rely on milliseconds only.
package struct WallClock: Sendable {
    private let readNow: @Sendable () -> Date
    private let wait: @Sendable (Duration) async throws -> Void

    package init(now: @escaping @Sendable () -> Date, sleep: @escaping @Sendable (Duration) async throws -> Void) {
        self.readNow = now
        self.wait = sleep
    }

    /// The machine's clock.
    package static let system = WallClock(now: { Date() }, sleep: { try await Task.sleep(for: $0) })

    package var now: Date { readNow() }

    /// Waits for `duration`; throws `CancellationError` as soon as the task is cancelled.
    package func sleep(for duration: Duration) async throws { try await wait(duration) }
}
