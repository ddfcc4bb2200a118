import Foundation
import Glibc
import Synchronization
import TestSupport
import Testing
import WebRequests

/// The real agent and the real manager, with TLS between them in each way that installations have it.
@Suite("Routed agents", .serialized) struct RoutedAgentTests {
    /// A build that speaks, is silent for longer than the proxy lets a stream be, and speaks again.
    ///
    /// buildah's chroot isolation may lose what a RUN printed in its last moment on a busy machine: each of them ends late.
    private static func dockerfile(_ farm: Farm, silence seconds: Double) -> String {
        """
        FROM \(farm.host)/admin/busybox
        RUN for n in $(seq 1 2000); do echo "before $n of a log that is longer than one stream may be"; done; sleep 1.3
        RUN sleep \(seconds)
        RUN for n in $(seq 1 500); do echo "after $n"; done; sleep 1.3
        """
    }

    /// What the build printed must be there once, in order.
    private static func expectWhole(_ log: [String]) {
        let printed = log.map { $0.trimmingCharacters(in: .whitespaces) }
        #expect(
            printed.filter { $0.hasPrefix("before ") }
                == (1...2000).map { "before \($0) of a log that is longer than one stream may be" })
        #expect(printed.filter { $0.hasPrefix("after ") } == (1...500).map { "after \($0)" })
        // The base image comes with a repetition of its phase.
        #expect(log.filter { $0.hasPrefix("phase ") } == Self.phases)
    }

    private static let phases = [
        "build-scheduled", "unpacking", "pulling", "pulling", "building", "pushing", "complete",
    ].map { "phase \($0)" }

    @Test("through a proxy that ends TLS and cuts silent streams, which is restarted in the middle of the build")
    func throughNginx() async throws {
        let made = Mutex<NginxFront?>(nil)
        let farm = try await Farm(.sqlite) { registry, managers in
            let nginx = try await NginxFront(registry: registry, manager: managers[0])
            made.withLock { $0 = nginx }
            return nginx.front
        }
        let nginx = try #require(made.withLock { $0 })
        let token = try await farm.initialize()
        try await farm.pushBaseImage(token: token)
        try await farm.createRepository("routed", token: token)
        let build = try await farm.build(
            "routed", files: ["Dockerfile": Self.dockerfile(farm, silence: 9.1)], token: token)
        try await farm.eventually("the build is silent") { FailureTests.processes(containing: "sleep 9.1") > 0 }
        // Longer than the proxy's patience with silence, then gone altogether.
        try await Task.sleep(for: .seconds(4))
        try await nginx.server.kill()
        try await Task.sleep(for: .seconds(2))
        try nginx.server.start()
        #expect(try await farm.outcome(of: build, in: "routed", token: token) == "complete", "\(farm.buildman.log)")
        Self.expectWhole(try await farm.log(of: build, in: "routed", token: token))
        // BUILDMAN_HOSTNAME went to the agent as it stands, and the agent dialled nothing else.
        #expect(farm.buildman.log.contains("builder registered"))
        _ = try await farm.pull("admin/routed", credentials: "\(Farm.user):\(Farm.password)")
    }

    @Test("through TLS of the programs' own, with an authority that nobody else knows") func ownTLS() async throws {
        let certificates = try await TestCertificates()
        let farm = try await Farm(.sqlite) { registry, managers in
            FarmFront(
                registry: "localhost:\(registry)", manager: "localhost:\(managers[0])", certificates: certificates)
        }
        let token = try await farm.initialize()
        try await farm.pushBaseImage(token: token)
        try await farm.createRepository("secure", token: token)
        let build = try await farm.build(
            "secure", files: ["Dockerfile": Self.dockerfile(farm, silence: 1.1)], token: token)
        #expect(try await farm.outcome(of: build, in: "secure", token: token) == "complete", "\(farm.buildman.log)")
        Self.expectWhole(try await farm.log(of: build, in: "secure", token: token))
    }

    @Test("agents dial TLS where BUILDMAN_TLS says so, though the registry is plain") func onlyTheManager() async throws
    {
        let made = Mutex<NginxFront?>(nil)
        let farm = try await Farm(.sqlite, settings: "BUILDMAN_TLS: true") { registry, managers in
            let nginx = try await NginxFront(registry: registry, manager: managers[0])
            made.withLock { $0 = nginx }
            var front = FarmFront.plain(registry, managers[0])
            front.manager = nginx.front.manager
            front.otherAuthority = nginx.front.authority
            return front
        }
        let token = try await farm.initialize()
        try await farm.pushBaseImage(token: token)
        try await farm.createRepository("mixed", token: token)
        let build = try await farm.build(
            "mixed", files: ["Dockerfile": Self.dockerfile(farm, silence: 1.1)], token: token)
        #expect(try await farm.outcome(of: build, in: "mixed", token: token) == "complete", "\(farm.buildman.log)")
        Self.expectWhole(try await farm.log(of: build, in: "mixed", token: token))
        #expect(made.withLock { $0 != nil })
    }

    @Test("a build that prints 100 MB while its manager is away: the agent stays small")
    func backPressure() async throws {
        let made = Mutex<TCPProxy?>(nil)
        let farm = try await Farm(.sqlite) { registry, managers in
            let proxy = try await TCPProxy(to: managers[0])
            made.withLock { $0 = proxy }
            var front = FarmFront.plain(registry, managers[0])
            front.manager = "127.0.0.1:\(proxy.port)"
            return front
        }
        let proxy = try #require(made.withLock { $0 })
        let token = try await farm.initialize()
        try await farm.pushBaseImage(token: token)
        try await farm.createRepository("loud", token: token)
        let build = try await farm.build(
            "loud",
            files: [
                "Dockerfile": """
                FROM \(farm.host)/admin/busybox
                RUN sleep 2.1; head -c 100000000 /dev/zero | tr '\\0' x | fold -w 7999; sleep 1
                """
            ], token: token)
        try await farm.eventually("the RUN sleeps") { FailureTests.processes(containing: "sleep 2.1") > 0 }
        try await proxy.set(.cut)
        let agent = try #require(BuilderProcesses(build: build).agents.first)
        try await Task.sleep(for: .seconds(12))
        // What buildah has read from its RUN waits in buildah: the agent takes no more than its buffer holds.
        let peak = try Self.peakMebibytes(of: agent)
        print("RoutedAgentTests: the agent's peak with 100 MB to say and nobody to hear: \(peak) MiB")
        #expect(peak < 150)
        try await proxy.set(.pass)
        let outcome = try await farm.outcome(of: build, in: "loud", token: token, within: .seconds(300))
        #expect(outcome == "complete", "\(farm.buildman.log.suffix(5000))")
        let answer = try await farm.call(
            .get, "/api/v1/repository/admin/loud/build/\(build)/logs?start=100000", token: token)
        let total = try #require(answer.object["total"] as? Int)
        #expect(total > 12_500 && total < 12_530, "\(total) entries")
    }

    /// VmHWM of a process, in MiB.
    static func peakMebibytes(of process: pid_t) throws -> Int {
        let status = try String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") } ?? ""
        return (Int(line.filter(\.isNumber)) ?? 0) / 1024
    }
}
