import Domain
import Testing

@testable import Buildman

@Suite("Executor selection") struct ExecutorSelectionTests {
    typealias Rule = ExecutorSelection.Rule

    @Test(
        "an executor takes the launches that its threshold leaves it",
        arguments: [(0, 2), (0, 1), (0, 0), (1, 2), (1, 1), (2, 2)])
    func eligible(_ threshold: Int, _ retries: Int) throws {
        #expect(
            ExecutorSelection.verdict(
                Rule(minimumRetryThreshold: threshold), namespace: try Username("ns"), retriesRemaining: retries)
                == .eligible)
    }

    @Test("the last launch goes past an executor whose threshold is one", arguments: [(1, 0), (2, 1), (3, 2)])
    func fallback(_ threshold: Int, _ retries: Int) throws {
        #expect(
            ExecutorSelection.verdict(
                Rule(minimumRetryThreshold: threshold), namespace: try Username("ns"), retriesRemaining: retries)
                == .fallback)
    }

    @Test(
        "namespaces come by name or by share",
        arguments: [
            (Rule(namespaceWhitelist: ["ns"]), "ns", true),
            (Rule(namespaceWhitelist: ["ns"]), "acme", false),
            (Rule(namespaceWhitelist: []), "ns", false),
            (Rule(stagedRollout: 1), "acme", true),
            (Rule(stagedRollout: 0), "ns", false),
            (Rule(namespaceWhitelist: ["ns"], stagedRollout: 0), "ns", true),
            (Rule(), "acme", true),
        ])
    func namespaces(_ rule: Rule, _ namespace: String, _ isOpen: Bool) throws {
        let verdict = ExecutorSelection.verdict(rule, namespace: try Username(namespace), retriesRemaining: 2)
        #expect((verdict == .eligible) == isOpen)
    }

    @Test("a larger share holds the smaller one, and about as many namespaces as it says") func share() throws {
        let names = try (0..<2000).map { try Username("team\($0)") }
        func open(_ share: Double) -> Set<String> {
            Set(
                names.filter {
                    ExecutorSelection.verdict(Rule(stagedRollout: share), namespace: $0, retriesRemaining: 2)
                        == .eligible
                }.map(\.text))
        }
        let (small, large) = (open(0.25), open(0.5))
        #expect(small.isSubset(of: large))
        #expect((400...600).contains(small.count))
        #expect((850...1150).contains(large.count))
    }
}
