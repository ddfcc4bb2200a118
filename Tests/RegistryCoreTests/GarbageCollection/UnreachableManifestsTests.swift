import Testing

@testable import RegistryCore

@Suite("Unreachable manifests") struct UnreachableManifestsTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let name: String
        let candidates: [Int64]
        let tagged: Set<Int64>
        /// What holds each.
        let holders: [Int64: Set<Int64>]
        let unreachable: Set<Int64>
        var testDescription: String { name }
    }

    static let cases = [
        Case(name: "nothing", candidates: [], tagged: [], holders: [:], unreachable: []),
        Case(name: "a tag", candidates: [1], tagged: [1], holders: [:], unreachable: []),
        Case(name: "no tag", candidates: [1], tagged: [], holders: [:], unreachable: [1]),
        Case(name: "a tagged index", candidates: [1], tagged: [2], holders: [1: [2]], unreachable: []),
        Case(
            name: "an index without a tag goes as well", candidates: [1], tagged: [], holders: [1: [2]],
            unreachable: [1, 2]),
        Case(name: "one of two holders", candidates: [1], tagged: [3], holders: [1: [2, 3]], unreachable: [2]),
        Case(name: "a long chain", candidates: [1], tagged: [4], holders: [1: [2], 2: [3], 3: [4]], unreachable: []),
        Case(name: "a circle", candidates: [1], tagged: [], holders: [1: [2], 2: [1]], unreachable: [1, 2]),
        Case(name: "a circle with a tag", candidates: [1], tagged: [2], holders: [1: [2], 2: [1]], unreachable: []),
        Case(
            name: "two that meet", candidates: [1, 5], tagged: [9], holders: [1: [3], 5: [3, 6], 3: [9], 6: [7]],
            unreachable: [6, 7]),
    ]

    @Test("are those from which no way up leads to a tag", arguments: cases) func walk(_ example: Case) {
        let found = UnreachableManifests.among(
            example.candidates, tagged: { example.tagged.intersection($0) },
            holders: { ids in example.holders.filter { ids.contains($0.key) } })
        #expect(found == example.unreachable)
    }
}
