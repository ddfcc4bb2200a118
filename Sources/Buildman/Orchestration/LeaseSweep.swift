import Domain
import Foundation
import Logging
import RegistryCore
import Runtime
import ServiceLifecycle

/// Looks now and then at every live attempt of the database: the safety net below the orchestrator, which may be away.
///
/// It says that this manager is at work, goes on with the attempts of managers that are gone, and ends those whose leases
/// have run out. The last two only after it has seen the database steadily for as long as a builder may be silent: whoever
/// was asleep, or could not reach the database, first gives the others time to write down what they heard.
struct LeaseSweep: Service {
    let attempts: BuildAttemptService
    let supervisor: JobSupervisor
    let handover: JobHandover
    let presence: ManagerPresence
    let clock: WallClock
    let interval: Duration
    let logger: Logger

    func run() async throws {
        await cancelWhenGracefulShutdown {
            var sight = SteadySight(longestGap: interval * 3)
            var isBlind = false
            while !Task.isCancelled {
                do {
                    try await look(&sight)
                    if isBlind { logger.notice("running builds can be looked at again") }
                    isBlind = false
                } catch {
                    sight.failed()
                    await supervisor.trustRows(false)
                    if !isBlind { logger.error("running builds can't be looked at", metadata: ["error": "\(error)"]) }
                    isBlind = true
                }
                do { try await clock.sleep(for: interval) } catch { return }
            }
        }
    }

    /// One look.
    func look(_ sight: inout SteadySight) async throws {
        let others = try await presence.announce()
        sight.looked(at: clock.now)
        let isSteady = sight.isSteady(for: attempts.timing.silence, at: clock.now)
        await supervisor.trustRows(isSteady)
        for key in await supervisor.due { await end(key, tolerance: .zero) }
        guard isSteady else { return }
        for attempt in try await attempts.live() where attempt.manager != attempts.manager {
            guard !others.contains(attempt.manager), await !supervisor.runs(attempt.key) else { continue }
            try await handover.takeOver(attempt, isGone: true)
        }
        let tolerance = attempts.timing.leaseMargin + attempts.timing.clockTolerance
        for attempt in try await attempts.lapsed() where await !supervisor.runs(attempt.key) {
            await end(attempt.key, tolerance: tolerance)
        }
    }

    private func end(_ key: JobKey, tolerance: Duration) async {
        do { try await supervisor.momentCame(key, tolerance: tolerance) } catch {
            logger.warning("a lost build could not be ended", metadata: ["job": "\(key)", "error": "\(error)"])
        }
    }
}

/// Whether somebody has looked without a break for long enough to trust what he sees.
struct SteadySight: Sendable {
    private let longestGap: Duration
    private var since: Date?
    private var last: Date?

    /// - Parameter longestGap: after a longer pause between two looks nothing is known of the time between them.
    init(longestGap: Duration) { self.longestGap = longestGap }

    mutating func looked(at now: Date) {
        // A clock that was set back is a break, too.
        if let last, now < last || now > last + longestGap { since = nil }
        since = since ?? now
        last = now
    }

    mutating func failed() { since = nil }

    func isSteady(for period: Duration, at now: Date) -> Bool {
        guard let since else { return false }
        return now >= since + period
    }
}
