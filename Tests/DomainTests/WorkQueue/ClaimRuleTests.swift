import Domain
import Foundation
import Testing

@Suite("Claim rule") struct ClaimRuleTests {
    static let now = Date(timeIntervalSince1970: 1_000_000)

    static func item(
        _ id: Int64, _ name: String = "dockerfilebuild/a/b/", after: Double = -10, available: Bool = true,
        expires: Double? = nil, retries: Int = 3
    ) -> QueueItem {
        QueueItem(
            id: id, name: name, lane: String(name.split(separator: "/")[1]), body: "",
            availableAfter: now.addingTimeInterval(after), isAvailable: available,
            processingExpires: expires.map { now.addingTimeInterval($0) }, retriesRemaining: retries, stateID: "s")
    }

    @Test(
        "an item can be claimed when its time has come, nobody works on it, and a retry is left",
        arguments: [
            (item(1), true),
            (item(1, after: 0), true),
            (item(1, after: 0.001), false),
            (item(1, retries: 0), false),
            (item(1, available: false, expires: 10), false),
            // The worker is taken for dead from that moment on.
            (item(1, available: false, expires: 0), true),
            (item(1, available: false, expires: -1, retries: 0), false),
        ])
    func claimable(_ item: QueueItem, _ expected: Bool) {
        #expect(ClaimRule(at: Self.now, order: .anyOfTheOldest).isClaimable(item) == expected)
    }

    @Test("lanes take turns: fewest running, then served longest ago, then oldest") func fairShare() {
        let rule = ClaimRule(at: Self.now, order: .fairShare)
        let running = Self.item(1, "dockerfilebuild/busy/a/", available: false, expires: 60)
        let waiting = [
            running, Self.item(2, "dockerfilebuild/busy/b/"), Self.item(3, "dockerfilebuild/one/a/"),
            Self.item(4, "dockerfilebuild/two/a/"),
        ]
        #expect(rule.choose(among: waiting, chance: 0)?.id == 3)
        #expect(rule.choose(among: waiting, served: ["one": Self.now], chance: 0)?.id == 4)
        let both = ["one": Self.now, "two": Self.now, "busy": Self.now.addingTimeInterval(-9)]
        #expect(rule.choose(among: waiting, served: both, chance: 0)?.id == 3)
        #expect(rule.choose(among: Array(waiting.prefix(2)), chance: 0)?.id == 2)
    }

    @Test("nothing overtakes an older item of its name, unless that will never run again")
    func keepsOrder() {
        let rule = ClaimRule(at: Self.now, order: .fairShare)
        #expect(rule.choose(among: [Self.item(1, after: 5), Self.item(2)], chance: 0) == nil)
        #expect(rule.choose(among: [Self.item(1, retries: 0), Self.item(2)], chance: 0)?.id == 2)
    }

    @Test("one item of a name runs at a time, and the oldest waits the shortest") func oneOfAName() {
        let rule = ClaimRule(at: Self.now, order: .fairShare)
        let running = Self.item(1, "dockerfilebuild/a/b/", available: false, expires: 60)
        let behind = Self.item(2, "dockerfilebuild/a/b/")
        let other = Self.item(3, "dockerfilebuild/a/c/")
        #expect(rule.choose(among: [other, behind, running], chance: 0) == other)
        #expect(rule.choose(among: [behind, running], chance: 0) == nil)
        #expect(rule.choose(among: [other, behind], chance: 0.99) == behind)
    }

    @Test("any of the oldest fifty may come next, and none beyond", arguments: [0, 0.5, 0.999_999])
    func anyOfTheOldest(chance: Double) throws {
        let items = (1...80).map { Self.item(Int64($0), "notification/n\($0)/") }
        let chosen = ClaimRule(at: Self.now, order: .anyOfTheOldest).choose(among: items, chance: chance)
        #expect(try #require(chosen).id == Int64(chance * 50) + 1)
    }
}

@Suite("Queue names") struct QueueNameTests {
    @Test("a build's queue is its repository's, nested names included") func buildsOfARepository() throws {
        #expect(QueueName.builds(of: try RepositoryName("ns/app")).text == "dockerfilebuild/ns/app/")
        #expect(QueueName.builds(of: try RepositoryName("ns/team/app")).text == "dockerfilebuild/ns/team/app/")
    }

    @Test("a namespace's prefix matches no namespace that begins alike") func prefixEndsWithASlash() throws {
        let prefix = QueueName.builds(in: try Username("ns")).text
        #expect(QueueName.builds(of: try RepositoryName("ns/app")).text.hasPrefix(prefix))
        #expect(!QueueName.builds(of: try RepositoryName("ns2/app")).text.hasPrefix(prefix))
    }
}
