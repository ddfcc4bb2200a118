import Testing

@testable import Buildman

@Suite("Executor coverage") struct ExecutorCoverageTests {
    typealias Rule = ExecutorSelection.Rule

    static func warnings(_ rules: [Rule]) -> [String] {
        ExecutorCoverage(
            rules.enumerated().map { index, rule in
                ExecutorProfile(name: "e\(index)", rule: rule, server: "s:1", stopsWithManager: false)
            }
        ).warnings
    }

    @Test(
        "a configuration that takes every launch of everybody earns no warning",
        arguments: [
            [Rule()], [Rule(minimumRetryThreshold: 1), Rule()],
            [Rule(namespaceWhitelist: ["ns"]), Rule()], [Rule(stagedRollout: 0.5), Rule(minimumRetryThreshold: 0)],
            [Rule(stagedRollout: 1)],
        ])
    func complete(_ rules: [Rule]) { #expect(Self.warnings(rules) == []) }

    @Test(
        "each gap is named with its keys",
        arguments: [
            ([Rule(minimumRetryThreshold: 1)], ["last launch of a build of any namespace", "MINIMUM_RETRY_THRESHOLD"]),
            ([Rule(minimumRetryThreshold: 2)], ["second and the last launch of a build of any namespace"]),
            (
                [Rule(minimumRetryThreshold: 3)],
                ["start a build of any namespace", "e0 is never used", "MINIMUM_RETRY_THRESHOLD of EXECUTORS"]
            ),
            (
                [Rule(namespaceWhitelist: ["ns"])],
                ["start a build of all others:", "See NAMESPACE_WHITELIST, STAGED_ROLLOUT of EXECUTORS (e0)"]
            ),
            ([Rule(stagedRollout: 0.25)], ["start a build of others from 25 % of STAGED_ROLLOUT on"]),
            ([Rule(stagedRollout: 0)], ["start a build of any namespace"]),
            // Named namespaces fall between an executor that keeps its last launches and one for others.
            (
                [Rule(minimumRetryThreshold: 1, namespaceWhitelist: ["ns"]), Rule(namespaceWhitelist: ["acme"])],
                ["last launch of a build of ns", "start a build of all others"]
            ),
        ] as [([Rule], [String])])
    func gaps(_ rules: [Rule], _ sentences: [String]) {
        let text = Self.warnings(rules).joined(separator: "\n")
        for sentence in sentences { #expect(text.contains(sentence), "\(text)") }
        #expect(!text.contains("acme"))
    }
}
