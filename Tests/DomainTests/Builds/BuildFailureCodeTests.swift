import Domain
import Testing

@Suite("Build failure codes") struct BuildFailureCodeTests {
    @Test("the guide's example reads as the guide has it")
    func example() {
        #expect(
            BuildFailure(.dockerfileIssue, "unknown instruction: GIT").message
                == "Could not find or parse Dockerfile: unknown instruction: GIT")
        #expect(BuildFailure(.gitFailure, "").message == BuildFailureCode.gitFailure.publicText)
    }

    @Test("every code has a sentence of its own that a cause can follow", arguments: BuildFailureCode.allCases)
    func sentences(_ code: BuildFailureCode) {
        #expect(code.publicText.first?.isUppercase == true)
        #expect(code.publicText.last?.isLetter == true)
        #expect(BuildFailureCode.allCases.filter { $0.publicText == code.publicText } == [code])
        #expect(code.rawValue.hasPrefix("io.quay.builder."))
    }

    @Test(
        "what the build system broke blames neither the build nor its owner",
        arguments: BuildFailureCode.allCases.filter(\.isInternal))
    func blame(_ code: BuildFailureCode) {
        for word in ["Dockerfile", "your", "git", "failed", "base image"] {
            #expect(!code.publicText.contains(word), "\(code.publicText)")
        }
    }
}
