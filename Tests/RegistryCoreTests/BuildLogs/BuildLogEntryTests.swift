import Domain
import Foundation
import SQL
import TestSupport
import Testing

@testable import RegistryCore

@Suite("Build log entries") struct BuildLogEntryTests {
    /// Foundation's reader drops a byte order mark at the beginning of a text.
    private func junk(_ fuzz: inout Fuzz) -> String { fuzz.junk().replacing("\u{FEFF}", with: "x") }

    @Test("the JSON of an entry is read by others as it was meant, and has no line feed")
    func json() throws {
        var fuzz = Fuzz("entry JSON")
        for _ in 0..<Fuzz.count(of: 500) {
            let entry = BuildLogEntry(
                message: fuzz.text(of: ["a", "\n", "\u{1B}[1m", "\"", "\\", "\u{7F}", "é", "🦆", "\u{2028}"], 0...20)
                    .replacing("\u{FEFF}", with: "x"),
                kind: fuzz.pick([nil, .command, .phase, .error]),
                data: fuzz.once(in: 2) ? [:] : ["datetime": junk(&fuzz), junk(&fuzz): junk(&fuzz)])
            let line = BuildLogEntryJSON.bytes(entry)
            #expect(!line.contains(0x0A))
            let value = try #require(try JSONSerialization.jsonObject(with: Data(line)) as? [String: Any])
            #expect(value["message"] as? String == entry.message, "seed \(fuzz.seed)")
            #expect(value["type"] as? String == entry.kind?.rawValue)
            #expect((value["data"] as? [String: String] ?? [:]) == entry.data)
            #expect(try BuildLogEntryJSON.read(line) == entry, "seed \(fuzz.seed)")
        }
    }

    @Test(
        "SEC-Resource exhaustion: a line of 10 MB is cut, between two characters", arguments: TestDatabase.allEngines)
    func longLine(_ engine: TestDatabase.Engine) async throws {
        let (fixture, _, job) = try await BuildAttemptServiceTests.launched(engine)
        let store = DatabaseBuildLogStore(fixture.database)
        let texts = [String(repeating: "x", count: 10_000_000), "a" + String(repeating: "🦆", count: 100_000)]
        let lines = texts.enumerated().map {
            BuildLogLine(
                number: $0.offset + 1,
                entry: BuildLogEntry(message: $0.element, data: ["base_error": $0.element]))
        }
        #expect(try await store.append(lines, to: job.attempt))
        let kept = try #require(try await store.page(of: .init(job.build), from: 1, limit: 9)).entries
        #expect(kept.count == 2)
        for (entry, text) in zip(kept, texts) {
            #expect(entry.message.utf8.count <= BuildLogEntryStore.maximumMessageBytes + 4)
            #expect(entry.message.hasSuffix(" …"))
            #expect(text.hasPrefix(entry.message.dropLast(2)))
            #expect(entry.data["base_error"]?.utf8.count ?? 0 < 20_000)
        }
    }

    @Test("NUL characters are left out, wherever they stand", arguments: TestDatabase.allEngines)
    func nul(_ engine: TestDatabase.Engine) async throws {
        let (fixture, attempts, job) = try await BuildAttemptServiceTests.launched(engine)
        let store = DatabaseBuildLogStore(fixture.database)
        let failure = BuildFailure(.buildError, "a\0b")
        #expect(
            try await store.append(
                [
                    BuildLogLine(number: 1, entry: BuildLogEntry(message: "\0", data: ["x": "\0y"])),
                    BuildLogLine(number: 2, entry: .failure(failure, at: fixture.now)),
                ], to: job.attempt))
        #expect(try await attempts.end(job.attempt, .error))
        let entries = try #require(try await store.page(of: .init(job.build), from: 1, limit: 2)).entries
        #expect(entries[0] == BuildLogEntry(message: "", data: ["x": "y"]))
        #expect(entries[1].message == "A build step failed: ab")
        let view = try await fixture.service.find(job.build.uuid, in: fixture.proof())
        #expect(view.timeline.attempts.last?.cause?.text == "A build step failed: ab")
    }

    @Test("a page of long lines has few of them, and the next page goes on", arguments: TestDatabase.allEngines)
    func pages(_ engine: TestDatabase.Engine) async throws {
        let (fixture, _, job) = try await BuildAttemptServiceTests.launched(engine)
        let store = DatabaseBuildLogStore(fixture.database)
        let long = String(repeating: "y", count: 60_000)
        for start in stride(from: 1, to: 250, by: 50) {
            #expect(
                try await store.append(
                    (start..<start + 50).map {
                        BuildLogLine(number: $0, entry: BuildLogEntry(message: "\($0) \(long)"))
                    },
                    to: job.attempt))
        }
        var (position, pages) = (0, 0)
        while true {
            let page = try #require(try await store.page(of: .init(job.build), from: position, limit: 5000))
            if page.entries.isEmpty { break }
            #expect(page.entries.count <= 100)
            #expect(page.start == position)
            (position, pages) = (page.end, pages + 1)
        }
        #expect(position == 251)
        #expect(pages > 2)
    }
}
