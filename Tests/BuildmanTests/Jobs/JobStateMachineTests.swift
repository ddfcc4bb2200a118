import Domain
import Foundation
import Testing

@testable import Buildman

@Suite("Job state machine") struct JobStateMachineTests {
    static let start = Date(timeIntervalSince1970: 1_700_000_000)
    static func after(_ seconds: Double) -> Date { start.addingTimeInterval(seconds) }

    static func launched(setup: Double = 500, maximum: Double = 7200) -> JobStateMachine {
        JobStateMachine(launchedAt: start, setup: .seconds(setup), deadline: after(maximum), timing: .init())
    }

    static func running(maximum: Double = 7200) -> JobStateMachine {
        var machine = launched(maximum: maximum)
        _ = machine.handle(.registered, at: start)
        return machine
    }

    static func outcome(_ decision: JobStateMachine.Decision) -> AttemptOutcome? {
        decision.actions.compactMap { action in
            switch action {
            case .end(let outcome, _), .expire(let outcome, _): outcome
            case .giveBack: .interrupted
            default: nil
            }
        }.first
    }

    /// Whether the database is asked before the outcome counts.
    static func isAsked(_ decision: JobStateMachine.Decision) -> Bool {
        decision.actions.contains { if case .expire = $0 { true } else { false } }
    }

    @Test("a builder that registers and works is kept alive by every sign of life") func life() {
        var machine = Self.launched()
        #expect(machine.nextLook == Self.after(500))
        let registered = machine.handle(.registered, at: Self.after(10))
        #expect(
            registered
                == .init(
                    isAccepted: true, actions: [.watch(until: Self.after(70)), .holdLease(until: Self.after(70))]))
        #expect(
            machine.handle(.heartbeat, at: Self.after(12))
                == .init(isAccepted: true, actions: [.watch(until: Self.after(72)), .renewLease]))
        // The lease is not written at each of many signs.
        #expect(
            machine.handle(.heartbeat, at: Self.after(14))
                == .init(isAccepted: true, actions: [.watch(until: Self.after(74))]))
        #expect(machine.handle(.log, at: Self.after(30)).actions.contains(.renewLease))
        #expect(machine.handle(.phase(.building), at: Self.after(31)).actions.contains(.storePhase(.building)))
        #expect(Self.outcome(machine.handle(.phase(.complete), at: Self.after(60))) == .complete)
    }

    @Test(
        "a builder that registered with another manager is heard",
        arguments: [JobStateMachine.Event.heartbeat, .log, .phase(.building)])
    func registeredElsewhere(_ event: JobStateMachine.Event) {
        var machine = Self.launched()
        // Long after the launch: what counts is that it speaks now.
        #expect(machine.handle(event, at: Self.after(400)).isAccepted)
        #expect(machine.nextLook == Self.after(460))
    }

    @Test(
        "ends come from the builder, its executor, its silence or its manager",
        arguments: [
            (.phase(.complete), 1, .complete, true),
            (.phase(.error), 1, .error, true),
            // The build system's own failure says nothing about the build.
            (.phase(.error, isInternal: true), 1, .lost, true),
            (.executorEnded("killed"), 1, .lost, false),
            (.managerStops, 1, .interrupted, false),
            (.timerFired, 60, .expired, false),
            (.heartbeat, 60.001, .lost, false),
            (.log, 61, .lost, false),
            (.phase(.complete), 61, .lost, false),
        ] as [(JobStateMachine.Event, Double, AttemptOutcome, Bool)])
    func ends(_ event: JobStateMachine.Event, _ seconds: Double, _ outcome: AttemptOutcome, _ isAccepted: Bool) {
        var machine = Self.running()
        let decision = machine.handle(event, at: Self.after(seconds))
        #expect(Self.outcome(decision) == outcome)
        #expect(decision.isAccepted == isAccepted)
        // Silence here may be speech elsewhere; everything else is certain.
        #expect(Self.isAsked(decision) == (outcome == .expired || seconds > 60))
        // One outcome: nothing is decided twice.
        #expect(machine.handle(.phase(.complete), at: Self.after(seconds)) == .refused)
        #expect(machine.handle(.executorEnded("again"), at: Self.after(seconds)) == .refused)
        machine.endStored()
        #expect(machine.isOver)
        #expect(machine.handle(.timerFired, at: Self.after(9999)) == .refused)
    }

    @Test(
        "phases that are the manager's own are refused",
        arguments: [BuildPhase.waiting, .scheduled, .internalError, .cancelled])
    func foreignPhases(_ phase: BuildPhase) {
        var machine = Self.running()
        #expect(machine.handle(.phase(phase), at: Self.after(1)) == .refused)
        #expect(machine.handle(.heartbeat, at: Self.after(2)).isAccepted)
    }

    @Test("an early timer only sets the next one") func earlyTimer() {
        var machine = Self.running()
        _ = machine.handle(.heartbeat, at: Self.after(50))
        #expect(machine.handle(.timerFired, at: Self.after(60)).actions == [.watch(until: Self.after(110))])
    }

    @Test("nobody may take longer than the whole, however alive") func deadline() {
        var machine = Self.running(maximum: 100)
        _ = machine.handle(.heartbeat, at: Self.after(50))
        #expect(machine.handle(.heartbeat, at: Self.after(90)).actions.first == .watch(until: Self.after(100)))
        #expect(Self.outcome(machine.handle(.heartbeat, at: Self.after(100))) == .expired)
    }

    @Test("no registration in time is an expiry") func setup() {
        var machine = Self.launched(setup: 20)
        #expect(machine.handle(.timerFired, at: Self.after(19)).actions == [.watch(until: Self.after(20))])
        #expect(Self.outcome(machine.handle(.timerFired, at: Self.after(20))) == .expired)
    }

    @Test("what somebody else has ended is only forgotten") func endedElsewhere() {
        var machine = Self.running()
        #expect(machine.handle(.endedElsewhere, at: Self.after(1)) == .init(isAccepted: false, actions: [.forget]))
        #expect(machine.isOver)
    }

    @Test("an end that could not be stored is stored later, or said again by the builder") func notStored() {
        var machine = Self.running()
        _ = machine.handle(.phase(.complete), at: Self.after(1))
        #expect(machine.handle(.endNotStored, at: Self.after(2)).actions == [.watch(until: Self.after(4))])
        #expect(Self.outcome(machine.handle(.phase(.complete), at: Self.after(3))) == .complete)

        machine = Self.running()
        _ = machine.handle(.executorEnded("killed"), at: Self.after(1))
        #expect(machine.handle(.endNotStored, at: Self.after(2)).actions == [.watch(until: Self.after(4))])
        #expect(machine.handle(.heartbeat, at: Self.after(3)) == .refused)
        #expect(Self.outcome(machine.handle(.timerFired, at: Self.after(4))) == .lost)
    }

    @Test(
        "who was heard elsewhere goes on",
        arguments: [JobStateMachine.Event.heartbeat, .log, .phase(.pushing), .timerFired])
    func heardElsewhere(_ event: JobStateMachine.Event) {
        var machine = Self.running()
        #expect(Self.isAsked(machine.handle(event, at: Self.after(70))))
        // The database says: heard at 50.
        let decision = machine.handle(.leaseHolds(until: Self.after(110)), at: Self.after(70))
        #expect(decision == .init(isAccepted: true, actions: [.watch(until: Self.after(110))]))
        #expect(machine.handle(event, at: Self.after(70)).isAccepted)
        #expect(Self.outcome(machine.handle(.phase(.complete), at: Self.after(71))) == .complete)
    }

    @Test("a builder that may still register is waited for") func setupHolds() {
        var machine = Self.launched(setup: 20)
        #expect(Self.isAsked(machine.handle(.timerFired, at: Self.after(20))))
        _ = machine.handle(.leaseHolds(until: Self.after(25)), at: Self.after(20))
        #expect(machine.nextLook == Self.after(25))
        #expect(machine.handle(.registered, at: Self.after(24)).isAccepted)
    }

    @Test("silence that could not be judged is judged again") func notJudged() {
        var machine = Self.running()
        #expect(Self.isAsked(machine.handle(.timerFired, at: Self.after(61))))
        #expect(machine.handle(.endNotStored, at: Self.after(62)).actions == [.watch(until: Self.after(64))])
        #expect(Self.isAsked(machine.handle(.timerFired, at: Self.after(64))))
    }

    @Test("another manager goes on with a builder that is not heard here") func takenOver() {
        var machine = Self.running()
        _ = machine.handle(.heartbeat, at: Self.after(10))
        #expect(machine.handle(.takenOver, at: Self.after(20)) == .init(isAccepted: true))
        #expect(machine.handle(.takenOver, at: Self.after(26)) == .init(isAccepted: false, actions: [.letGo]))
        #expect(machine.isOver)
        #expect(machine.handle(.timerFired, at: Self.after(99)) == .refused)
    }

    @Test("after its manager's start a running builder has a fresh minute", arguments: [true, false])
    func resumed(wasRegistered: Bool) {
        var machine = JobStateMachine(
            resumedAt: Self.after(1000), wasRegistered: wasRegistered, setup: .seconds(500),
            deadline: Self.after(7200), timing: .init())
        #expect(machine.nextLook == Self.after(wasRegistered ? 1060 : 1500))
        #expect(machine.handle(.heartbeat, at: Self.after(1059)).isAccepted)
    }
}
