import Domain
import Foundation
import Logging
import Redis
import Runtime
import SQL
import TestSupport
import Testing

@testable import RegistryCore

@Suite("Build logs in Redis") struct CachedBuildLogStoreTests {
    /// A running build whose log is kept in Redis as well.
    struct Fixture {
        let log: LogArchiveFixture
        let server: RedisServer
        let client: RedisClient
        let cache: BuildLogCache
        let mirror: BuildLogMirror
        let store: CachedBuildLogStore
        let copying: Task<Void, Never>

        init(_ engine: TestDatabase.Engine = .sqlite, lines: Int = 10, _ arguments: [String] = []) async throws {
            log = try await LogArchiveFixture(engine, lines: lines)
            server = try await RedisServer(arguments)
            client = try RedisClient(RedisSettings(url: server.url))
            cache = try BuildLogCache(RedisSettings(url: server.url), logger: Logger(label: "test"))
            mirror = BuildLogMirror(log.builds.platform, cache: cache)
            store = CachedBuildLogStore(log.builds.database, cache: cache, mirror: mirror)
            copying = Task { [mirror] in await mirror.run() }
        }

        var name: BuildLogName { BuildLogName(log.job.build) }
        var list: String { "builds/\(name.uuid)/logs" }

        func append(_ numbers: ClosedRange<Int>) async throws {
            let lines = numbers.map { BuildLogLine(number: $0, entry: .output("line \($0)", at: log.builds.now)) }
            #expect(try await store.append(lines, to: log.job.attempt))
        }

        /// Waits until Redis has so many entries.
        func untilCopied(_ count: Int) async throws {
            for _ in 0..<4000 {
                if try await client.command(["LLEN", list]).integer == count { return }
                mirror.note(name)
                try await log.builds.platform.clock.sleep(for: .milliseconds(5))
            }
            Issue.record("Redis never had \(count) entries")
        }
    }

    @Test("entries are copied in Quay's format, with its lifetimes", arguments: TestDatabase.allEngines)
    func format(_ engine: TestDatabase.Engine) async throws {
        let fixture = try await Fixture(engine, lines: 0)
        defer { fixture.copying.cancel() }
        try await fixture.append(1...3)
        #expect(try await fixture.log.attempts.renew(fixture.log.job.attempt, heartbeat: fixture.log.builds.now))
        try await fixture.untilCopied(4)
        let texts = try await fixture.client.command(["LRANGE", fixture.list, 0, -1]).array?.compactMap(\.text) ?? []
        #expect(texts.count == 4)
        let first = try #require(
            try JSONSerialization.jsonObject(with: Data(texts[0].utf8)) as? [String: NSObject])
        #expect(first["message"] == "build-scheduled" as NSString)
        #expect(first["type"] == "phase" as NSString)
        #expect((first["data"] as? [String: String])?["datetime"]?.hasPrefix("2023-11-14 22:13:20.") == true)
        #expect(texts[3] == #"{"message":"line 3","data":{"datetime":"2023-11-14 22:13:20.000000"}}"#)
        let lifetime = try #require(try await fixture.client.command(["TTL", fixture.list]).integer)
        #expect((7 * 86_400 - 60...7 * 86_400).contains(lifetime))
        // Readers take them from there: what only Redis holds is seen.
        let page = try #require(try await fixture.store.page(of: fixture.name, from: 1, limit: 2))
        #expect(page.entries.map(\.message) == ["line 1", "line 2"])
        #expect((page.start, page.total) == (1, 4))
    }

    @Test("readers ask Redis first")
    func asksRedis() async throws {
        let fixture = try await Fixture(lines: 3)
        defer { fixture.copying.cancel() }
        try await fixture.untilCopied(4)
        fixture.copying.cancel()
        await fixture.copying.value
        try await fixture.client.command(["LSET", fixture.list, 2, #"{"message":"from Redis"}"#])
        let page = try #require(try await fixture.store.page(of: fixture.name, from: 0, limit: 100))
        #expect(
            page.entries.map(\.message) == [
                "build-scheduled", page.entries[1].message, "from Redis", page.entries[3].message,
            ])
    }

    @Test("flushed, behind, longer than the log, or no list: the log is whole and in order all the same")
    func wrongLists() async throws {
        let fixture = try await Fixture(lines: 50)
        defer { fixture.copying.cancel() }
        try await fixture.untilCopied(51)
        fixture.copying.cancel()
        await fixture.copying.value
        let truth = try await fixture.log.all()
        func check(_ what: String) async throws {
            for start in [0, 7, 50, 51] {
                let page = try await fixture.store.page(of: fixture.name, from: start, limit: 10)
                #expect(page?.entries == Array(truth[start...].prefix(10)), "\(what) from \(start)")
                #expect(page?.total == 51)
            }
        }
        try await check("whole")
        try await fixture.client.command(["LTRIM", fixture.list, 0, 19])
        try await check("behind")
        try await fixture.client.command(["DEL", fixture.list])
        try await check("flushed")
        for _ in 0..<60 { try await fixture.client.command(["RPUSH", fixture.list, #"{"message":"foreign"}"#]) }
        try await check("longer than the log")
        try await fixture.client.command(["SET", fixture.list, "x"])
        try await check("no list")
    }

    @Test("after a flush, and after lists that are none of ours, Redis is brought up to date")
    func heals() async throws {
        let fixture = try await Fixture(lines: 20)
        defer { fixture.copying.cancel() }
        try await fixture.untilCopied(21)
        try await fixture.client.command(["FLUSHALL"])
        try await fixture.append(21...21)
        try await fixture.untilCopied(22)
        for _ in 0..<30 { try await fixture.client.command(["RPUSH", fixture.list, "foreign"]) }
        try await fixture.append(22...22)
        try await fixture.untilCopied(23)
        #expect(try await fixture.store.page(of: fixture.name, from: 0, limit: 100)?.entries == fixture.log.all())
        let texts = try await fixture.client.command(["LRANGE", fixture.list, 0, -1]).array?.compactMap(\.text)
        #expect(texts?.contains("foreign") == false)
    }

    @Test("a Redis that is away or hangs loses no line and delays none")
    func away() async throws {
        let fixture = try await Fixture(lines: 5)
        defer { fixture.copying.cancel() }
        try await fixture.untilCopied(6)
        func timed(_ work: () async throws -> Void) async rethrows -> Duration {
            let start = ContinuousClock.now
            try await work()
            return ContinuousClock.now - start
        }
        let usual = try await timed { for number in 6...15 { try await fixture.append(number...number) } }
        // Ten that each waited for Redis would take five seconds more.
        let limit = usual * 3 + .seconds(3)
        fixture.server.freeze()
        let frozen = try await timed { for number in 16...25 { try await fixture.append(number...number) } }
        #expect(frozen < limit)
        // One asks in vain; from then on nobody does for a while.
        let reading = try await timed {
            for _ in 0..<20 {
                let page = try await fixture.store.page(of: fixture.name, from: 0, limit: 100)
                #expect(page?.entries.count == 26)
            }
        }
        #expect(reading < limit + .seconds(3))
        fixture.server.thaw()
        try await fixture.server.kill()
        let without = try await timed { for number in 26...35 { try await fixture.append(number...number) } }
        #expect(without < limit)
        #expect(try await fixture.store.page(of: fixture.name, from: 0, limit: 100)?.entries == fixture.log.all())
        try await fixture.server.restart()
        try await fixture.untilCopied(36)
    }

    @Test("an archived log leaves Redis, and is read from the archive")
    func archived() async throws {
        let fixture = try await Fixture(lines: 30)
        defer { fixture.copying.cancel() }
        try await fixture.untilCopied(31)
        try await fixture.client.command(["SET", "builds/\(fixture.name.uuid)/status", "{}", "EX", 604_800])
        #expect(try await fixture.log.attempts.end(fixture.log.job.attempt, .complete))
        let truth = try await fixture.log.all()
        let step = BuildLogArchiveStep(
            platform: fixture.log.builds.platform, settings: .init(), cache: fixture.cache)
        #expect(try await step.run()?.archived == 1)
        #expect(try await fixture.client.command(["EXISTS", fixture.list]).integer == 0)
        let lifetime = try await fixture.client.command(["TTL", "builds/\(fixture.name.uuid)/status"]).integer ?? 0
        #expect((86_000...86_400).contains(lifetime))
        #expect(try await fixture.store.page(of: fixture.name, from: 0, limit: 100) == nil)
        let page = try await fixture.log.reader(fixture.store).page(
            of: fixture.name.uuid, from: 0, in: fixture.log.builds.proof())
        #expect(page.entries == truth)
    }

    @Test("what runs is shown in its status: the last sign of life, and the step")
    func status() async throws {
        let fixture = try await Fixture(lines: 0)
        defer { fixture.copying.cancel() }
        #expect(
            try await fixture.store.append(
                [BuildLogLine(number: 1, entry: .output("STEP 2/5: RUN make", at: fixture.log.builds.now))],
                to: fixture.log.job.attempt))
        #expect(try await fixture.log.attempts.renew(fixture.log.job.attempt, heartbeat: fixture.log.builds.now))
        try await fixture.untilCopied(2)
        fixture.log.builds.advance(60)
        let key = "builds/\(fixture.name.uuid)/status"
        var text: String?
        for _ in 0..<4000 {
            fixture.mirror.note(fixture.name)
            text = try await fixture.client.command(["GET", key]).text
            if text?.contains("current_command") == true { break }
            try await fixture.log.builds.platform.clock.sleep(for: .milliseconds(5))
        }
        #expect(text == #"{"current_command":2,"heartbeat":1700000000,"total_commands":5}"#)
    }
}
