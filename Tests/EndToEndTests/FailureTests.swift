import Foundation
import TestSupport
import Testing
import WebRequests

/// What a person may get wrong, and what may break: each has one clear outcome.
@Suite("Failing builds", .serialized) struct FailureTests {
    @Test("an unknown instruction, a failing RUN and a missing archive end as errors that say why")
    func saysWhyItFailed() async throws {
        let farm = try await Farm(.sqlite, settings: "WEBHOOK_ALLOWED_PRIVATE_NETWORKS: [127.0.0.0/8]")
        let token = try await farm.initialize()
        try await farm.pushBaseImage(token: token)
        try await farm.createRepository("broken", token: token)
        let base = "FROM \(farm.host)/admin/busybox"

        let unknown = try await farm.build("broken", files: ["Dockerfile": "\(base)\nGIT clone x"], token: token)
        #expect(try await farm.outcome(of: unknown, in: "broken", token: token) == "error")
        #expect(
            try await farm.log(of: unknown, in: "broken", token: token)
                .contains("error Could not find or parse Dockerfile: unknown instruction: GIT"))

        let failing = try await farm.build(
            "broken", files: ["Dockerfile": "\(base)\nRUN echo reason-for-failing; exit 3"], token: token)
        #expect(try await farm.outcome(of: failing, in: "broken", token: token) == "error")
        let log = try await farm.log(of: failing, in: "broken", token: token)
        #expect(log.contains { $0.contains("reason-for-failing") } && log.contains { $0.hasPrefix("error ") })

        let missing = try await farm.build(
            "broken", request: ["archive_url": "\(farm.url)/nothing/here.tar.gz"], token: token)
        #expect(try await farm.outcome(of: missing, in: "broken", token: token) == "error")
        #expect(try await farm.log(of: missing, in: "broken", token: token).contains { $0.contains("404") })
        await #expect(throws: (any Error).self) { try await farm.pull("admin/broken") }
    }

    @Test("a cancelled build stops its processes and pushes nothing")
    func cancels() async throws {
        let farm = try await Farm(.sqlite)
        let token = try await farm.initialize()
        try await farm.pushBaseImage(token: token)
        try await farm.createRepository("slow", token: token)
        let build = try await farm.build(
            "slow", files: ["Dockerfile": "FROM \(farm.host)/admin/busybox\nRUN sleep 4711"], token: token)
        try await farm.eventually("the RUN sleeps") { Self.processes(containing: "sleep 4711") > 0 }
        let path = "/api/v1/repository/admin/slow/build/\(build)"
        #expect(try await farm.call(.delete, path, token: token).status == 201)
        #expect(try await farm.phase(of: build, in: "slow", token: token) == "cancelled")
        try await farm.eventually("its processes end", within: .seconds(20)) {
            Self.processes(containing: "sleep 4711") == 0
        }
        #expect(try await farm.call(.delete, path, token: token).status == 400)
        #expect(try await farm.phase(of: build, in: "slow", token: token) == "cancelled")
        await #expect(throws: (any Error).self) { try await farm.pull("admin/slow") }
    }

    /// How many processes of this machine have `text` in their command line, besides shells that only name it.
    static func processes(containing text: String) -> Int {
        let entries = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return entries.filter { entry in
            guard Int(entry) != nil,
                let line = try? String(contentsOfFile: "/proc/\(entry)/cmdline", encoding: .utf8)
            else { return false }
            return line.replacingOccurrences(of: "\0", with: " ").hasPrefix(text)
        }.count
    }
}
