import Domain
import Foundation
import Logging
import RegistryCore
import Runtime
import TestSupport
import Testing

@testable import Buildman

@Suite("Kubernetes watch") struct KubernetesWatchTests {
    /// A watch of Jobs, and the names that it knows of.
    final class Eye: Sendable {
        let client: KubernetesClient
        let lists = Box(0)
        let log = CapturedLog()
        let seen = Box<Set<String>>([])
        private let task: Box<Task<Void, Never>?> = Box(nil)

        init(_ server: KubernetesServer, _ change: (inout WatchTiming) -> Void = { _ in }) {
            client = KubernetesClientTests.client(server)
            var timing = KubernetesFixture.quick.watch
            change(&timing)
            let watch = KubernetesWatch<KubernetesJob>(
                client: client, selector: JobManifestTests.labels.selector, timing: timing, clock: .system,
                randomness: .system, logger: log.logger)
            task.set(Task { [lists, seen] in await watch.run { Self.take($0, lists, seen) } })
        }

        deinit { task.value?.cancel() }

        private static func take(
            _ change: KubernetesWatch<KubernetesJob>.Change, _ lists: Box<Int>, _ seen: Box<Set<String>>
        ) {
            switch change {
            case .listed(let all):
                seen.set(Set(all.compactMap(\.metadata.name)))
                lists.set(lists.value + 1)
            case .changed(let job): seen.set(seen.value.union([job.metadata.name ?? ""]))
            case .removed(let job): seen.set(seen.value.subtracting([job.metadata.name ?? ""]))
            }
        }

        func until(_ what: String, _ isSo: @Sendable () -> Bool) async throws {
            let end = ContinuousClock.now + .seconds(10)
            while !isSo() {
                guard ContinuousClock.now < end else {
                    throw ExecutorFailure("Waited in vain: \(what); \(lists.value) lists; \(seen.value)\n\(log.lines)")
                }
                try await WallClock.system.sleep(for: .milliseconds(10))
            }
        }

        func start(_ number: Int) async throws -> String {
            try await KubernetesClientTests.start(client, JobKey(buildUUID: KubernetesCase.uuid, attempt: number))
                .metadata.name ?? ""
        }
    }

    @Test("tells what there is, and each change of it by one stream")
    func follows() async throws {
        let server = try await KubernetesServer()
        let eye = Eye(server)
        try await eye.until("the first list") { eye.lists.value == 1 }
        let one = try await eye.start(1)
        let two = try await eye.start(2)
        try await eye.until("both") { eye.seen.value == [one, two] }
        try await eye.client.delete(.jobs, one)
        try await eye.until("one is gone") { eye.seen.value == [two] }
        let asked = try await server.requests().filter { $0.path.hasSuffix("/jobs") && $0.method == "GET" }
        #expect(asked.count == 2 && eye.lists.value == 1)
        #expect(asked.last?.query["allowWatchBookmarks"] == "true" && asked.last?.query["resourceVersion"] == "1000")
    }

    @Test("a cut stream goes on where it was, without another list")
    func cut() async throws {
        let server = try await KubernetesServer()
        let eye = Eye(server)
        let one = try await eye.start(1)
        try await eye.until("one") { eye.seen.value == [one] }
        for number in 2...4 {
            try await server.order(#"{"do":"cut"}"#)
            let next = try await eye.start(number)
            try await eye.until("the next") { eye.seen.value.contains(next) }
        }
        #expect(eye.lists.value == 1 && eye.seen.value.count == 4)
    }

    @Test("a version that the server has forgotten leads back to the list", arguments: ["event", "status"])
    func forgotten(how: String) async throws {
        let server = try await KubernetesServer()
        try await server.order(#"{"do":"settings","gone":"\#(how)","bookmarks":100}"#)
        let eye = Eye(server)
        let one = try await eye.start(1)
        try await eye.until("one") { eye.seen.value == [one] }
        // While nobody watches, things happen and are forgotten.
        try await server.order(#"{"do":"fault","count":3,"containing":"watch=true","drop":"before"}"#)
        try await server.order(#"{"do":"cut"}"#)
        try await eye.client.delete(.jobs, one)
        let two = try await eye.start(2)
        try await server.order(#"{"do":"compact"}"#)
        try await eye.until("the list again") { eye.lists.value >= 2 && eye.seen.value == [two] }
        let three = try await eye.start(3)
        try await eye.until("and it goes on") { eye.seen.value == [two, three] }
    }

    @Test("bookmarks move the place where a cut stream goes on")
    func bookmarks() async throws {
        let server = try await KubernetesServer()
        try await server.order(#"{"do":"settings","bookmarks":0.05}"#)
        let eye = Eye(server)
        try await eye.until("the first list") { eye.lists.value == 1 }
        // Of another kind, so only a bookmark brings it here.
        try await server.order(
            #"{"do":"create","plural":"secrets","object":{"apiVersion":"v1","kind":"Secret","metadata":{"name":"s"}}}"#)
        try await server.order(#"{"do":"compact"}"#)
        try await WallClock.system.sleep(for: .milliseconds(300))
        try await server.order(#"{"do":"cut"}"#)
        let one = try await eye.start(1)
        try await eye.until("one") { eye.seen.value == [one] }
        #expect(eye.lists.value == 1)
    }

    @Test("everything is listed again after a while, whatever was heard")
    func resync() async throws {
        let server = try await KubernetesServer()
        let eye = Eye(server) { $0.resync = .seconds(1) }
        try await eye.until("three lists") { eye.lists.value >= 3 }
    }

    @Test("a stream that has gone silent is taken for dead")
    func silence() async throws {
        let server = try await KubernetesServer()
        try await server.order(#"{"do":"settings","bookmarks":100}"#)
        let eye = Eye(server) { $0.silence = .seconds(1) }
        try await eye.until("a second stream") { eye.lists.value == 1 }
        let streams = { try await server.requests().count { $0.query["watch"] == "true" } }
        for _ in 0..<500 where try await streams() < 2 { try await WallClock.system.sleep(for: .milliseconds(10)) }
        #expect(try await streams() >= 2 && eye.lists.value == 1)
    }

    @Test("what fails is said once, tried again more and more slowly, and its end is said too")
    func troubles() async throws {
        let server = try await KubernetesServer()
        try await server.order(#"{"do":"fault","count":4,"method":"GET","containing":"/jobs","status":500}"#)
        let eye = Eye(server)
        try await eye.until("a list at last") { eye.lists.value == 1 }
        #expect(eye.log.lines.count { $0.contains("can't be watched") } == 1, "\(eye.log.lines)")
        #expect(eye.log.lines.count { $0.contains("answers again") } == 1)
    }

    @Test("without the right to watch, it lists now and then, and names the verb")
    func noRight() async throws {
        let server = try await KubernetesServer()
        try await server.order(#"{"do":"deny","verb":"watch","resource":"jobs"}"#)
        let eye = Eye(server)
        let one = try await eye.start(1)
        try await eye.until("one, by lists") { eye.lists.value >= 3 && eye.seen.value == [one] }
        #expect(eye.log.lines.contains { $0.contains("verb \"watch\" on jobs.batch") })
    }

    @Test("lines are cut whichever way they come, and one without an end is refused")
    func lines() throws {
        let text = Array("one\n\ntwo\nthree".utf8)
        for size in 1...text.count {
            var lines = JSONLines(maximumBytes: 100)
            var found: [String] = []
            for start in stride(from: 0, to: text.count, by: size) {
                found += try lines.append(Array(text[start..<min(start + size, text.count)])).map {
                    String(decoding: $0, as: UTF8.self)
                }
            }
            #expect(found == ["one", "two"])
        }
        var lines = JSONLines(maximumBytes: 10)
        #expect(throws: ExecutorFailure.self) { for _ in 0..<3 { _ = try lines.append(Array("xxxxx".utf8)) } }
    }
}
