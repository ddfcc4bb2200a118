import Foundation
import Glibc
import TestSupport
import Testing
import WebRequests

/// Any part may die at any moment: what was acknowledged stays, what ran ends exactly once.
@Suite("Loss", .serialized) struct LossTests {
    @Test("an agent that is killed is tried again, three times at most, and then the build is expired")
    func retriesThreeTimes() async throws {
        let farm = try await Farm(.sqlite, manager: Self.quick)
        let token = try await farm.initialize()
        try await farm.pushBaseImage(token: token)
        try await farm.createRepository("lost", token: token)
        let build = try await farm.build(
            "lost", files: ["Dockerfile": "FROM \(farm.host)/admin/busybox\nRUN sleep 4712"], token: token)
        for launch in 1...3 {
            try await farm.eventually("launch \(launch) runs", within: .seconds(90)) {
                FailureTests.processes(containing: "sleep 4712") > 0
            }
            try await killAgents(of: farm)
            try await farm.eventually("launch \(launch) is gone") {
                FailureTests.processes(containing: "sleep 4712") == 0
            }
        }
        try await farm.eventually("the build is expired", within: .seconds(90)) {
            try await farm.phase(of: build, in: "lost", token: token) == "expired"
        }
    }

    @Test("Buildman killed in the middle of a build: one image, one outcome", arguments: TestDatabase.allEngines)
    func survivesBuildman(engine: TestDatabase.Engine) async throws {
        let farm = try await Farm(engine, manager: Self.quick)
        let token = try await farm.initialize()
        try await farm.pushBaseImage(token: token)
        try await farm.createRepository("survivor", token: token)
        let build = try await farm.build(
            "survivor",
            files: ["Dockerfile": "FROM \(farm.host)/admin/busybox\nRUN sleep 3 && echo done > /done.txt"], token: token
        )
        try await farm.eventually("the RUN sleeps") { FailureTests.processes(containing: "sleep 3") > 0 }
        try await farm.buildman.kill()
        try farm.buildman.start()
        #expect(try await farm.outcome(of: build, in: "survivor", token: token, within: .seconds(180)) == "complete")
        let log = try await farm.log(of: build, in: "survivor", token: token)
        #expect(log.filter { $0 == "phase complete" }.count == 1, "\(log)")
        let root = try await farm.pull("admin/survivor")
        #expect(FileManager.default.fileExists(atPath: "\(root)/done.txt"))
    }

    @Test("RegistryLite killed: no acknowledged upload and no queued build is lost")
    func survivesRegistry() async throws {
        let farm = try await Farm(.sqlite, manager: Self.quick)
        let token = try await farm.initialize()
        try await farm.pushBaseImage(token: token)
        try await farm.createRepository("queued", token: token)
        let build = try await farm.build(
            "queued", files: ["Dockerfile": "FROM \(farm.host)/admin/busybox\nRUN echo queued > /queued.txt"],
            token: token)
        try await farm.registry.kill()
        try farm.registry.start()
        try await farm.eventually("the registry answers again") {
            (try? await farm.phase(of: build, in: "queued", token: token)) != nil
        }
        _ = try await farm.pull("admin/busybox")
        #expect(
            ["complete", "error"].contains(
                try await farm.outcome(of: build, in: "queued", token: token, within: .seconds(180))))
    }

    /// Short times, so that a loss is noticed within seconds.
    static let quick = ["WORK_CHECK_TIMEOUT": "1", "INCOMPLETE_RETRY_DELAY": "1"]

    /// kill -9 to every BuilderAgent that belongs to the farm's Buildman.
    private func killAgents(of farm: Farm) async throws {
        let entries = try FileManager.default.contentsOfDirectory(atPath: "/proc").compactMap { pid_t($0) }
        for process in entries {
            guard let environment = try? Data(contentsOf: URL(fileURLWithPath: "/proc/\(process)/environ")),
                let name = try? String(contentsOfFile: "/proc/\(process)/comm", encoding: .utf8),
                name.hasPrefix("BuilderAgent"),
                String(decoding: environment, as: UTF8.self).contains(farm.host)
            else { continue }
            kill(process, SIGKILL)
        }
    }
}
