import Domain
import Testing

@Suite("Build phases") struct BuildPhaseTests {
    @Test("an internal error ends an attempt, not the build")
    func ends() {
        #expect(BuildPhase.allCases.filter(\.isTerminal) == [.complete, .error, .internalError, .cancelled])
        #expect(BuildPhase.allCases.filter(\.isFinal) == [.complete, .error, .cancelled])
    }

    @Test("a build that pushes or has ended can't be cancelled")
    func cancellation() {
        let open = BuildPhase.allCases.filter { !$0.isPastCancellation }
        #expect(open == [.waiting, .scheduled, .unpacking, .pulling, .building])
    }

    @Test("a failure reads as its public text and its cause")
    func failures() {
        let failure = BuildFailure(.dockerfileIssue, "unknown instruction: GIT")
        #expect(failure.message == "Could not find or parse Dockerfile: unknown instruction: GIT")
        #expect(BuildFailure(.pushIssue, "").message == "Could not push the built image")
        #expect(Set(BuildFailureCode.allCases.map(\.publicText)).count == BuildFailureCode.allCases.count)
    }
}
