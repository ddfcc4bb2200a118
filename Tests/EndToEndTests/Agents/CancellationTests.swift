import Foundation
import Glibc
import Synchronization
import TestSupport
import Testing
import WebRequests

/// A build that was cancelled leaves nothing behind within five seconds, whatever it was doing.
@Suite("Cancellation", .serialized) struct CancellationTests {
    /// What a build is doing when it is cancelled.
    enum Moment: String, CaseIterable, Sendable {
        /// A step that nobody can hurry.
        case run
        /// Fetching its source from a server that accepts and never answers.
        case fetch
        /// Pulling its base image from such a registry.
        case pull
        /// Nothing at all: its agent is asleep (SIGSTOP), and hears no refusal.
        case asleep
        /// A step that refuses to end politely.
        case stubborn
    }

    @Test("ends every process of the build within 5 s, and keeps its tag where it was", arguments: Moment.allCases)
    func cancels(_ moment: Moment) async throws {
        let farm = try await Farm(.sqlite, settings: "WEBHOOK_ALLOWED_PRIVATE_NETWORKS: [127.0.0.0/8]")
        let deaf = try await TCPProxy(to: farm.port)
        try await deaf.set(.hold)
        let token = try await farm.initialize()
        try await farm.pushBaseImage(token: token)
        try await farm.createRepository("slow", token: token)
        let build = try await start(moment, farm, deaf, token)
        let phase = moment == .fetch ? "unpacking" : moment == .pull ? "pulling" : "building"
        try await farm.eventually("the build is \(phase)") {
            try await farm.phase(of: build, in: "slow", token: token) == phase
        }
        let processes = BuilderProcesses(build: build)
        switch moment {
        case .run, .asleep:
            try await farm.eventually("the RUN sleeps") { FailureTests.processes(containing: "sleep 4713") > 0 }
        case .stubborn:
            try await farm.eventually("the RUN ignores signals") {
                try await farm.log(of: build, in: "slow", token: token).contains { $0.contains("deaf to signals") }
            }
        case .fetch, .pull: try await farm.eventually("it hangs") { try await deaf.connections > 0 }
        }
        if moment == .asleep { for agent in processes.agents { kill(agent, SIGSTOP) } }
        let walls = processes.walls
        #expect(!walls.isEmpty)
        let begin = ContinuousClock.now
        let path = "/api/v1/repository/admin/slow/build/\(build)"
        #expect(try await farm.call(.delete, path, token: token).status == 201)
        try await farm.eventually("nothing of the build runs", within: .seconds(5)) {
            processes.all.isEmpty && processes.processes(in: walls).isEmpty
        }
        print("CancellationTests: \(moment.rawValue): nothing left after \(ContinuousClock.now - begin)")
        #expect(try await farm.phase(of: build, in: "slow", token: token) == "cancelled")
        #expect(try await farm.log(of: build, in: "slow", token: token).last == "phase cancelled")
        await #expect(throws: (any Error).self) { try await farm.pull("admin/slow") }
    }

    private func start(_ moment: Moment, _ farm: Farm, _ deaf: TCPProxy, _ token: String) async throws -> String {
        let base = "FROM \(farm.host)/admin/busybox"
        let dockerfile: String
        switch moment {
        case .fetch:
            let address = "http://127.0.0.1:\(deaf.port)/source.tar.gz"
            return try await farm.build("slow", request: ["archive_url": address], token: token)
        case .run, .asleep: dockerfile = "\(base)\nRUN sleep 4713"
        case .pull: dockerfile = "FROM 127.0.0.1:\(deaf.port)/no/where"
        case .stubborn:
            dockerfile = """
                \(base)
                RUN trap '' TERM INT HUP; echo deaf to signals; \
                    (setsid sh -c 'trap "" TERM HUP; while :; do sleep 1; done' &); while :; do sleep 1; done
                """
        }
        return try await farm.build("slow", files: ["Dockerfile": dockerfile], token: token)
    }

    @Test("a build that is being pushed can't be cancelled: it goes on, and ends as it would have")
    func pushing() async throws {
        let made = Mutex<TCPProxy?>(nil)
        let farm = try await Farm(.sqlite) { registry, managers in
            let proxy = try await TCPProxy(to: registry)
            made.withLock { $0 = proxy }
            var front = FarmFront.plain(registry, managers[0])
            front.registry = "127.0.0.1:\(proxy.port)"
            return front
        }
        let proxy = try #require(made.withLock { $0 })
        let token = try await farm.initialize()
        try await farm.pushBaseImage(token: token)
        try await farm.createRepository("pushed", token: token)
        let build = try await farm.build(
            "pushed", files: ["Dockerfile": "FROM \(farm.host)/admin/busybox\nRUN sleep 5.1"], token: token)
        try await farm.eventually("the RUN sleeps") { FailureTests.processes(containing: "sleep 5.1") > 0 }
        try await proxy.set(.hold)
        try await farm.eventually("the push hangs") {
            try await farm.phase(of: build, in: "pushed", token: token) == "pushing"
        }
        let path = "/api/v1/repository/admin/pushed/build/\(build)"
        #expect(try await farm.call(.delete, path, token: token).status == 400)
        try await proxy.set(.pass)
        #expect(try await farm.outcome(of: build, in: "pushed", token: token) == "complete")
        _ = try await farm.pull("admin/pushed")
    }
}
