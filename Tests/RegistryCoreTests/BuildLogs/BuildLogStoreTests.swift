import Domain
import Foundation
import SQL
import TestSupport
import Testing

@testable import RegistryCore

@Suite("Build log store") struct BuildLogStoreTests {
    static func line(_ number: Int) -> BuildLogLine {
        BuildLogLine(number: number, entry: BuildLogEntry(message: "line \(number)"))
    }

    @Test("no gap, no double: lines that are sent again are stored once", arguments: TestDatabase.allEngines)
    func sentAgain(_ engine: TestDatabase.Engine) async throws {
        let (fixture, attempts, job) = try await BuildAttemptServiceTests.launched(engine)
        let store = DatabaseBuildLogStore(fixture.database)
        #expect(try await store.append([1, 2, 3].map(Self.line), to: job.attempt))
        #expect(try await attempts.report(.building, of: job.attempt))
        // The stream broke before the reply: the agent sends from its last acknowledged line on.
        #expect(try await store.append([2, 3, 4].map(Self.line), to: job.attempt))
        #expect(try await store.append([4].map(Self.line), to: job.attempt))
        let page = try #require(try await store.page(of: BuildLogName(job.build), from: 0, limit: 100))
        #expect(
            page.entries.map(\.message) == ["build-scheduled", "line 1", "line 2", "line 3", "building", "line 4"])
        #expect(page.total == 6)
    }

    @Test("writers that race leave positions without gaps", arguments: TestDatabase.allEngines)
    func race(_ engine: TestDatabase.Engine) async throws {
        let (fixture, attempts, job) = try await BuildAttemptServiceTests.launched(engine)
        let store = DatabaseBuildLogStore(fixture.database)
        let again = DatabaseBuildLogStore(try fixture.database.another())
        try await withThrowingTaskGroup(of: Void.self) { group in
            // Two streams of one agent that overlap, and the manager's own entries between.
            for store in [store, again] {
                group.addTask {
                    for number in 1...10 {
                        let isStored = try await store.append([Self.line(number)], to: job.attempt)
                        #expect(isStored)
                    }
                }
            }
            group.addTask {
                for phase in [BuildPhase.unpacking, .pulling, .building] {
                    let isAccepted = try await attempts.report(phase, of: job.attempt)
                    #expect(isAccepted)
                }
            }
            try await group.waitForAll()
        }
        let page = try #require(try await store.page(of: BuildLogName(job.build), from: 0, limit: 100))
        #expect(page.total == page.entries.count)
        #expect(page.entries.map(\.message).filter { $0.hasPrefix("line") } == (1...10).map { "line \($0)" })
    }

    @Test("pages begin where they are asked to") func pages() async throws {
        let (fixture, _, job) = try await BuildAttemptServiceTests.launched()
        let store = DatabaseBuildLogStore(fixture.database)
        #expect(try await store.append((1...9).map(Self.line), to: job.attempt))
        let page = try #require(try await store.page(of: BuildLogName(job.build), from: 4, limit: 3))
        #expect(page.entries.map(\.message) == ["line 4", "line 5", "line 6"])
        #expect((page.start, page.end, page.total) == (4, 7, 10))
        #expect(try await store.page(of: BuildLogName(job.build), from: 99, limit: 3)?.entries == [])
        #expect(try await store.page(of: BuildLogName(job.build), from: -5, limit: 1)?.start == 0)
    }

    @Test("an agent's text is kept, with its data, whatever is in it", arguments: TestDatabase.allEngines)
    func anyText(_ engine: TestDatabase.Engine) async throws {
        let (fixture, _, job) = try await BuildAttemptServiceTests.launched(engine)
        let store = DatabaseBuildLogStore(fixture.database)
        let entry = BuildLogEntry(message: "a\u{0}b\u{1B}[31m 'x' é 🦆", kind: .command, data: ["datetime": "now"])
        #expect(try await store.append([BuildLogLine(number: 1, entry: entry)], to: job.attempt))
        let kept = try #require(try await store.page(of: BuildLogName(job.build), from: 1, limit: 1)?.entries.first)
        #expect(kept.message == "ab\u{1B}[31m 'x' é 🦆")
        #expect(kept.kind == .command)
        #expect(kept.data == ["datetime": "now"])
    }

    @Test("moments are written as Quay writes them") func moments() {
        let moment = Date(timeIntervalSince1970: 1_551_836_904.25)
        #expect(moment.logText == "2019-03-06 01:48:24.250000")
        #expect(BuildLogEntry.output("STEP 2/3: RUN true", at: moment).kind == .command)
        #expect(BuildLogEntry.output("plain", at: moment).kind == nil)
    }
}
