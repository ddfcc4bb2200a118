import Foundation
import Testing

@testable import Buildman

@Suite("Executor health") struct ExecutorHealthTests {
    static let now = Date(timeIntervalSince1970: 1_700_000_000)
    static let policy = ExecutorHealth.Policy(
        failureThreshold: 2, pause: .seconds(5), maximumPause: .seconds(30))

    static func after(_ seconds: Double) -> Date { now.addingTimeInterval(seconds) }

    /// An executor that has failed as often as it takes.
    static func paused(_ failure: ExecutorHealth.Failure = .start) -> ExecutorHealth {
        var health = ExecutorHealth(policy)
        for build in ["a", "b"] { health.failed(failure, build, at: now) }
        return health
    }

    @Test("one failure pauses nothing, two in a row do", arguments: [ExecutorHealth.Failure.start, .builder])
    func threshold(_ failure: ExecutorHealth.Failure) {
        var health = ExecutorHealth(Self.policy)
        health.failed(failure, "a", at: Self.now)
        #expect(health.availability(at: Self.now) == .ready)
        health.failed(failure, "b", at: Self.now)
        #expect(health.availability(at: Self.now) == .paused(until: Self.after(5)))
        #expect(health.availability(at: Self.after(4.9)) == .paused(until: Self.after(5)))
        #expect(health.availability(at: Self.after(5)) == .due)
    }

    @Test("a failure is forgotten once the opposite has been seen") func opposite() {
        var health = ExecutorHealth(Self.policy)
        health.failed(.start, "a", at: Self.now)
        health.started("b")
        health.failed(.start, "c", at: Self.now)
        #expect(health.isWell)
        // A start call that works says nothing about builders that never come.
        health.failed(.builder, "d", at: Self.now)
        health.started("e")
        health.failed(.builder, "f", at: Self.now)
        #expect(!health.isWell)
        health.registered()
        #expect(health.isWell)
        health.failed(.builder, "g", at: Self.now)
        #expect(health.isWell)
    }

    @Test("after the pause one build tries it, and nobody else") func probe() {
        var health = Self.paused()
        // Before its time nobody makes a probe.
        health.takes("c", at: Self.after(1), patience: .seconds(100))
        #expect(health.availability(at: Self.after(1)) == .paused(until: Self.after(5)))
        health.takes("d", at: Self.after(6), patience: .seconds(100))
        #expect(health.availability(at: Self.after(6)) == .probed(until: Self.after(106)))
        health.takes("e", at: Self.after(7), patience: .seconds(100))
        // Not by somebody else's success, but by its own.
        health.started("e")
        #expect(!health.isWell)
        health.started("d")
        #expect(health.isWell)
    }

    @Test("builders that never came are only made good by one that comes") func probeForBuilders() {
        var health = Self.paused(.builder)
        health.takes("c", at: Self.after(6), patience: .seconds(100))
        health.started("c")
        #expect(health.availability(at: Self.after(7)) == .probed(until: Self.after(106)))
        health.registered()
        #expect(health.availability(at: Self.after(7)) == .ready)
    }

    @Test("each probe that fails doubles the pause, up to the longest; then it starts from the shortest again")
    func doubles() {
        var health = Self.paused()
        var moment = Self.now
        for pause in [5.0, 10, 20, 30, 30] {
            #expect(health.availability(at: moment) == .paused(until: moment.addingTimeInterval(pause)))
            moment.addTimeInterval(pause)
            health.takes("p", at: moment, patience: .seconds(100))
            health.failed(.start, "p", at: moment)
        }
        health.registered()
        for build in ["x", "y"] { health.failed(.start, build, at: moment) }
        #expect(health.availability(at: moment) == .paused(until: moment.addingTimeInterval(5)))
    }

    @Test("builders from before the pause that fail late change nothing") func oldNews() {
        var health = Self.paused()
        health.failed(.builder, "old", at: Self.after(4))
        #expect(health.availability(at: Self.after(4)) == .paused(until: Self.after(5)))
        health.takes("p", at: Self.after(5), patience: .seconds(100))
        health.failed(.builder, "old", at: Self.after(6))
        #expect(health.availability(at: Self.after(6)) == .probed(until: Self.after(105)))
    }

    @Test("a probe that was cancelled, or never heard of again, makes room for the next")
    func lostProbe() {
        var health = Self.paused()
        health.takes("p", at: Self.after(5), patience: .seconds(100))
        health.left("other", at: Self.after(6))
        #expect(health.availability(at: Self.after(6)) != .due)
        health.left("p", at: Self.after(6))
        #expect(health.availability(at: Self.after(6)) == .due)
        health.takes("q", at: Self.after(7), patience: .seconds(100))
        #expect(health.availability(at: Self.after(107)) == .due)
    }
}
