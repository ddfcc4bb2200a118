import Domain
import Testing

@Suite("Job keys") struct JobKeyTests {
    static let uuid = "1f0c5b1e-8f5e-4d7a-9c3b-0a1b2c3d4e5f"

    @Test("are read back as they were written") func roundTrip() throws {
        let key = JobKey(buildUUID: Self.uuid, attempt: 3)
        #expect(key.text == "\(Self.uuid)-3")
        #expect(try JobKey(key.text) == key)
    }

    @Test(
        "anything else is refused",
        arguments: ["", "-1", uuid, uuid + "-", uuid + "-0", uuid + "-x", uuid + "--1", "../\(uuid.dropFirst(3))-1"])
    func refuses(_ text: String) {
        #expect(throws: JobKey.Malformed.self) { try JobKey(text) }
    }
}

@Suite("Attempt outcomes") struct AttemptOutcomeTests {
    @Test(
        "decide the build's phase and what becomes of the queue item",
        arguments: [
            (.complete, .complete, .complete),
            (.error, .error, .complete),
            (.cancelled, .cancelled, .complete),
            // Once started, a retry is never given back.
            (.expired, .internalError, .tryAgain(restoringRetry: false)),
            (.lost, .internalError, .tryAgain(restoringRetry: false)),
            (.interrupted, .internalError, .tryAgain(restoringRetry: false)),
            (.notStarted, .waiting, .tryAgain(restoringRetry: true)),
            (.superseded, .internalError, .leave),
        ] as [(AttemptOutcome, BuildPhase, AttemptOutcome.QueueAction)])
    func table(_ outcome: AttemptOutcome, _ phase: BuildPhase, _ action: AttemptOutcome.QueueAction) {
        #expect(outcome.phase == phase)
        #expect(outcome.queueAction == action)
    }
}
