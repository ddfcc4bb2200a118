import Domain
import Foundation
import Testing

@Suite("Build timelines") struct BuildTimelineTests {
    static func at(_ seconds: Double) -> Date { Date(timeIntervalSince1970: 1000 + seconds) }

    static func attempt(
        _ moments: [BuildTimeline.StepName: Double], ended: Double? = nil
    ) -> BuildTimeline.Attempt {
        BuildTimeline.Attempt(
            number: 1, executor: "local", moments: moments.mapValues(at), endedAt: ended.map(at),
            outcome: ended == nil ? nil : .complete, cause: nil)
    }

    @Test("each step lasts until the next one, the last until the end")
    func durations() {
        let attempt = Self.attempt(
            [.scheduled: 0, .started: 1, .registered: 3.5, .unpacking: 3.5, .building: 5, .pushing: 9], ended: 10)
        #expect(
            attempt.steps.map(\.name) == [.scheduled, .started, .registered, .unpacking, .building, .pushing])
        #expect(attempt.steps.map(\.seconds) == [1, 2.5, 0, 1.5, 4, 1])
    }

    @Test("the step that lasts has no span")
    func running() {
        let attempt = Self.attempt([.scheduled: 0, .started: 1])
        #expect(attempt.steps.map(\.seconds) == [1, nil])
    }

    @Test("a builder that was quicker than its executor's answer stands in the order of time")
    func quickBuilder() {
        let attempt = Self.attempt([.scheduled: 0, .started: 4, .registered: 1, .unpacking: 2], ended: 5)
        #expect(attempt.steps.map(\.name) == [.scheduled, .registered, .unpacking, .started])
        #expect(attempt.steps.map(\.seconds) == [1, 1, 2, 1])
    }

    @Test("clocks that were set back make no negative spans")
    func clocks() {
        let attempt = Self.attempt([.scheduled: 5], ended: 3)
        #expect(attempt.steps.map(\.seconds) == [0])
        #expect(BuildTimeline(queuedAt: Self.at(9), endedAt: nil, attempts: [attempt]).queuedSeconds == 0)
    }

    @Test("a build waits until its first launch, or until it was cancelled before")
    func waiting() {
        let launched = Self.attempt([.scheduled: 7])
        #expect(BuildTimeline(queuedAt: Self.at(2), endedAt: nil, attempts: [launched]).queuedSeconds == 5)
        #expect(BuildTimeline(queuedAt: Self.at(2), endedAt: nil, attempts: []).queuedSeconds == nil)
        #expect(BuildTimeline(queuedAt: Self.at(2), endedAt: Self.at(3), attempts: []).queuedSeconds == 1)
    }

    @Test("a cause is cut, and holds nothing that the database refuses")
    func causes() {
        let note = BuildFailureNote(BuildFailure(.buildError, "a\0b" + String(repeating: "é", count: 5000)))
        #expect(note.code == .buildError)
        #expect(note.text.hasPrefix("A build step failed: ab"))
        #expect(note.text.count == BuildFailureNote.maximumLength + 2)
        #expect(note.text.hasSuffix(" …"))
        #expect(BuildFailureNote(code: nil, text: "short").text == "short")
    }
}
