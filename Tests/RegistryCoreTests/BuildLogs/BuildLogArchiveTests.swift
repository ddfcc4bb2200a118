import Domain
import Foundation
import NIOCore
import ObjectStorage
import SQL
import Synchronization
import TestSupport
import Testing

@testable import RegistryCore

/// A build with a log that grows until the test ends it, and the steps and readers around it.
struct LogArchiveFixture: Sendable {
    let builds: BuildFixture
    let job: BuildAttemptService.Job
    let attempts: BuildAttemptService

    /// A build with lines in its log, still running.
    init(_ engine: TestDatabase.Engine = .sqlite, lines: Int = 10, length: Int = 10) async throws {
        (builds, attempts, job) = try await BuildAttemptServiceTests.launched(engine)
        let store = DatabaseBuildLogStore(builds.database)
        for start in stride(from: 1, through: lines, by: 500) {
            let some = (start..<min(start + 500, lines + 1)).map { number in
                BuildLogLine(
                    number: number,
                    entry: .output("line \(number) " + String(repeating: "x", count: length), at: builds.now))
            }
            #expect(try await store.append(some, to: job.attempt))
        }
    }

    func reader(_ store: (any BuildLogStore)? = nil) -> BuildLogReader {
        BuildLogReader(
            builds.platform, logs: store ?? DatabaseBuildLogStore(builds.database), access: builds.access,
            readersMay: false)
    }

    func page(from start: Int = 0, limit: Int = 5000) async throws -> BuildLogPage {
        try await reader().page(of: job.build.uuid, from: start, limit: limit, in: builds.proof())
    }

    /// Every entry, as a client gets them that asks again and again.
    func all(from start: Int = 0) async throws -> [BuildLogEntry] {
        var entries: [BuildLogEntry] = []
        while true {
            let page = try await page(from: start + entries.count)
            if page.entries.isEmpty { return entries }
            entries += page.entries
        }
    }

    func step(
        _ settings: LogArchiveSettings = LogArchiveSettings(),
        stopping: @escaping @Sendable (BuildLogArchiveStep.Stage) async throws -> Void = { _ in }
    ) -> BuildLogArchiveStep {
        BuildLogArchiveStep(platform: builds.platform, settings: settings, stopping: stopping)
    }

    var objects: [StoredObject] {
        get async throws { try await builds.platform.objects.objects(after: nil, limit: 100) }
    }

    func rows() async throws -> Int64? {
        try await builds.database.read { try $0.number("SELECT COUNT(*) FROM build_log") }
    }
}

@Suite("Build log archive") struct BuildLogArchiveTests {
    typealias Fixture = LogArchiveFixture

    @Test(
        "a build that has ended is archived: the same entries, no rows, one object", arguments: TestDatabase.allEngines)
    func archives(_ engine: TestDatabase.Engine) async throws {
        let fixture = try await Fixture(engine, lines: 3000, length: 300)
        #expect(try await fixture.step().run() == .init())
        #expect(try await fixture.attempts.end(fixture.job.attempt, .complete))
        let before = try await fixture.all()
        #expect(before.count == 3002)
        #expect(try await fixture.step().run()?.archived == 1)
        #expect(try await fixture.rows() == 0)
        let archive = try #require(
            try await fixture.builds.database.read { try BuildLogArchiveStore.find(fixture.job.build.id, in: $0) })
        #expect(archive.marks.count > 2)
        #expect(archive.entryCount == 3002)
        #expect(try await fixture.objects.map(\.key.text) == [archive.objectKey])
        #expect(archive.objectKey.hasPrefix("logarchive/"))
        #expect(try await fixture.all() == before)
        for start in [1, 1500, 2999, 3001] {
            let page = try await fixture.page(from: start, limit: 7)
            #expect(page.entries == Array(before[start...].prefix(7)))
            #expect((page.start, page.total) == (start, 3002))
        }
        #expect(try await fixture.page(from: 3002).entries.isEmpty)
        #expect(try await fixture.page(from: .max).entries.isEmpty)
        // Nothing is left to do.
        #expect(try await fixture.step().run() == .init())
        #expect(
            try await fixture.builds.service.find(fixture.job.build.uuid, in: fixture.builds.proof()).build
                .areLogsArchived)
    }

    @Test("the object is gzip of one JSON value that any program reads")
    func format() async throws {
        let fixture = try await Fixture(lines: 2)
        let failure = BuildFailure(.buildError, "exit \"1\"\n\u{1B}[31m\u{7F}é🦆")
        #expect(
            try await DatabaseBuildLogStore(fixture.builds.database).append(
                [BuildLogLine(number: 3, entry: .failure(failure, at: fixture.builds.now))], to: fixture.job.attempt))
        #expect(try await fixture.attempts.end(fixture.job.attempt, .error))
        let before = try await fixture.all()
        _ = try await fixture.step().run()
        let key = try #require(try await fixture.objects.first?.key)
        guard case .memory(let packed) = try await fixture.builds.platform.objects.content(of: key) else {
            Issue.record("no object")
            return
        }
        let folder = try TemporaryFolder()
        #expect(FileManager.default.createFile(atPath: folder.path("log.gz"), contents: Data(packed.readableBytesView)))
        let python = """
            import gzip, json, sys
            value = json.load(gzip.open(sys.argv[1]))
            print(value["start"], value["total"], len(value["logs"]), value["logs"][3]["data"]["error_code"])
            print(json.dumps(value["logs"][3]["message"]))
            """
        let program = try ChildProcess("python3", ["-c", python, folder.path("log.gz")])
        #expect(try await program.exit() == 0)
        #expect(program.printed.contains("0 5 5 io.quay.builder.builderror"))
        #expect(program.printed.contains(#"exit \"1\"\n\u001b[31m\u007f\u00e9\ud83e\udd86""#))
        #expect(try await fixture.all() == before)
    }

    @Test(
        "killed at any point, the next pass goes on: one archive, nothing lost, no object left over",
        arguments: TestDatabase.allEngines,
        [BuildLogArchiveStep.Stage.begun, .written, .counted, .purging])
    func killed(_ engine: TestDatabase.Engine, _ stage: BuildLogArchiveStep.Stage) async throws {
        struct Killed: Error {}
        let fixture = try await Fixture(engine, lines: 2500)
        #expect(try await fixture.attempts.end(fixture.job.attempt, .complete))
        let before = try await fixture.all()
        let dying = fixture.step { if $0 == stage { throw Killed() } }
        await #expect(throws: Killed.self) { try await dying.run() }
        #expect(try await fixture.all() == before)
        _ = try await fixture.step().run()
        #expect(try await fixture.all() == before)
        #expect(try await fixture.rows() == 0)
        // What the dead pass wrote is garbage that its row named.
        try await ObjectRemoval(platform: fixture.builds.platform).run()
        #expect(try await fixture.objects.count == 1)
        #expect(try await fixture.all() == before)
    }

    @Test("a pass that lost its lease in the middle does no harm", arguments: TestDatabase.allEngines)
    func twoPasses(_ engine: TestDatabase.Engine) async throws {
        let fixture = try await Fixture(engine, lines: 100)
        #expect(try await fixture.attempts.end(fixture.job.attempt, .complete))
        let before = try await fixture.all()
        // While the first one has written its object, the lease runs out and another does it all.
        let slow = fixture.step { stage in
            guard stage == .written else { return }
            fixture.builds.advance(StepLease.lifetime + 1)
            let counts = try await fixture.step().run()
            #expect(counts?.archived == 1)
        }
        #expect(try await slow.run()?.archived == 0)
        try await ObjectRemoval(platform: fixture.builds.platform).run()
        #expect(try await fixture.objects.count == 1)
        #expect(try await fixture.all() == before)
    }

    @Test("an empty log is archived as nothing", arguments: TestDatabase.allEngines)
    func empty(_ engine: TestDatabase.Engine) async throws {
        let fixture = try await Fixture(engine, lines: 0)
        try await fixture.builds.database.write { try $0.run("DELETE FROM build_log") }
        #expect(try await fixture.attempts.end(fixture.job.attempt, .complete))
        try await fixture.builds.database.write { try $0.run("DELETE FROM build_log") }
        #expect(try await fixture.step().run()?.empty == 1)
        #expect(try await fixture.objects.isEmpty)
        let page = try await fixture.page()
        #expect((page.total, page.entries.count) == (0, 0))
        #expect(
            try await fixture.reader().archiveAddress(of: fixture.job.build.uuid, in: fixture.builds.proof()) == nil)
        #expect(try await fixture.step().run() == .init())
    }

    @Test("what waits, runs, or will be tried again is not archived; what expired or was abandoned is")
    func due() async throws {
        let fixture = try await BuildFixture(.sqlite)
        let step = BuildLogArchiveStep(platform: fixture.platform, settings: .init())
        try await fixture.enqueue()
        // Weeks in the queue: its log may still grow.
        fixture.advance(16 * 86_400)
        #expect(try await step.run() == .init())
        let attempts = fixture.attempts()
        for number in 1...3 {
            let job = try #require(try await attempts.claimNext(capacity: 1).job)
            #expect(try await attempts.report(.building, of: job.attempt))
            #expect(try await step.run() == .init())
            #expect(try await attempts.end(job.attempt, .lost))
            #expect(try await step.run()?.archived == (number == 3 ? 1 : 0))
            fixture.advance(60)
        }
        // Its queue item is gone, and nothing works on it.
        try await fixture.enqueue("owner/second")
        let second = try #require(try await attempts.claimNext(capacity: 1).job)
        #expect(try await attempts.report(.building, of: second.attempt))
        try await fixture.database.write { transaction in
            try transaction.run("DELETE FROM queue_item")
            try transaction.run("UPDATE build_attempt SET ended_ms = 1 WHERE ended_ms IS NULL")
        }
        #expect(try await step.run() == .init())
        fixture.advance(16 * 86_400)
        #expect(try await step.run()?.archived == 1)
    }

    @Test("the collector leaves archives alone, and a deleted repository takes its own along")
    func deletion() async throws {
        let fixture = try await Fixture(lines: 20)
        #expect(try await fixture.attempts.end(fixture.job.attempt, .complete))
        _ = try await fixture.step().run()
        _ = try await CollectionStep(platform: fixture.builds.platform).run(.everything)
        #expect(try await fixture.objects.count == 1)
        let check = IntegrityCheck(platform: fixture.builds.platform)
        fixture.builds.advance(2 * IntegrityCheck.orphanAge)
        let collected = Collected()
        _ = try await check.run { collected.add($0) }
        #expect(collected.all.isEmpty, "\(collected.all)")
        try await RepositoryService(platform: fixture.builds.platform, anonymousAccess: true)
            .delete(fixture.builds.proof())
        fixture.builds.advance(60 * 86_400)
        _ = try await DeletionStep(platform: fixture.builds.platform).run()
        #expect(try await fixture.objects.isEmpty)
        #expect(try await fixture.builds.database.read { try $0.number("SELECT COUNT(*) FROM event") } == 0)
    }

    @Test("fsck finds an archive whose object is gone")
    func lost() async throws {
        let fixture = try await Fixture(lines: 20)
        #expect(try await fixture.attempts.end(fixture.job.attempt, .complete))
        _ = try await fixture.step().run()
        try await fixture.builds.platform.objects.delete(#require(try await fixture.objects.first).key)
        let collected = Collected()
        _ = try await IntegrityCheck(platform: fixture.builds.platform).run { collected.add($0) }
        #expect(collected.all.map(\.kind) == [.missingLog])
        let error = await #expect(throws: RegistryError.self) { try await fixture.page() }
        #expect(error?.kind == .internalError)
    }

    @Test("a log that can't be stored stays where it is, and is tried again")
    func storageAway() async throws {
        let fixture = try await Fixture(lines: 20)
        #expect(try await fixture.attempts.end(fixture.job.attempt, .complete))
        let before = try await fixture.all()
        var elsewhere = LogArchiveSettings()
        elsewhere.location = "nowhere"
        #expect(try await fixture.step(elsewhere).run()?.failed == 1)
        #expect(try await fixture.all() == before)
        #expect(try await fixture.step().run()?.archived == 1)
        #expect(try await fixture.all() == before)
    }
}

/// Findings as they come.
final class Collected: Sendable {
    private let findings = Mutex<[IntegrityFinding]>([])
    func add(_ finding: IntegrityFinding) { findings.withLock { $0.append(finding) } }
    var all: [IntegrityFinding] { findings.withLock { $0 } }
}
