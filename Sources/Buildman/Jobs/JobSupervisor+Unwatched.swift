import Domain
import Foundation
import RegistryCore
import Runtime

/// What happens to attempts that this manager may not watch: others started them, and may be gone.
extension JobSupervisor {
    /// The moment of an attempt has come, whoever watches over it.
    /// - Parameter tolerance: how much longer than usual the builder may be silent when this manager doesn't watch it.
    func momentCame(_ key: JobKey, tolerance: Duration = .zero) async throws {
        if runs(key) {
            try await handle(.timerFired, of: key)
            return
        }
        guard !over.contains(key), let attempt = try await attempts.find(key), attempt.isLive else {
            await orchestrator.remove(key)
            return
        }
        guard trustsRows else { return await orchestrator.move(key, expiresAt: clock.now + timing.silence) }
        let failure = JobStateMachine.cause(ofExpiry: attempt, silence: timing.silence, at: clock.now)
        switch try await attempts.expire(attempt, .expired, failure: failure, tolerance: tolerance) {
        case .ended: await settle(attempt, .expired, failure)
        case .over: await orchestrator.remove(key)
        case .holds(let until): await orchestrator.move(key, expiresAt: until)
        }
    }

    /// A builder is gone, whoever watched over its attempt.
    func builderEnded(_ key: JobKey, _ how: String) async throws {
        if runs(key) {
            try await handle(.executorEnded(how), of: key)
            return
        }
        guard !over.contains(key), let attempt = try await attempts.find(key), attempt.isLive else { return }
        let failure = BuildFailure(.internalError, "The builder ended before the build did: \(how)")
        if try await attempts.end(attempt, .lost, failure: failure) { await settle(attempt, .lost, failure) }
    }

    /// Stops the builder of an attempt that has ended, if one of this manager's executors may have it and nobody here has
    /// stopped it yet.
    func stopLeftBehind(_ attempt: BuildAttempt) async {
        guard !runs(attempt.key), !over.contains(attempt.key) else { return }
        over.insert(attempt.key)
        await roster.named(attempt.executor)?.stop(attempt.key)
    }

    /// What follows the end of an attempt that nobody here watched.
    private func settle(_ attempt: BuildAttempt, _ outcome: AttemptOutcome, _ failure: BuildFailure?) async {
        over.insert(attempt.key)
        let wasRegistered = attempt.registeredAt != nil
        note(attempt, outcome, failure, executor: attempt.executor ?? "-", wasRegistered: wasRegistered)
        await roster.named(attempt.executor)?.stop(attempt.key)
        await orchestrator.remove(attempt.key)
    }
}
