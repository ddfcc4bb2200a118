import Foundation
import Glibc
import Synchronization
import TestSupport
import WebRequests

/// A farm whose builds can be held at each step, and whose parts can be broken there.
///
/// Times are short: a builder may be silent for ``silence`` only.
final class ChaosFarm: Sendable {
    /// HEARTBEAT_DELTA of these farms, and how long something frozen stays so.
    static let silence = Duration.seconds(6)
    static let freeze = Duration.seconds(9)

    let farm: Farm
    let token: String
    /// Between everybody and the registry, between agents and their manager, and what a RUN waits for.
    let registryWay: TCPProxy
    let managerWay: TCPProxy
    let gate: TCPProxy
    let redis: RedisServer?
    /// A builder program that waits for leave before it becomes the agent.
    private let leave: TCPProxy
    private let wrapper: TemporaryFolder

    /// - Parameters:
    ///   - managers: how many share the work.
    ///   - redis: keeps the state of running builds there.
    init(_ engine: TestDatabase.Engine = .sqlite, managers: Int = 1, redis: RedisServer? = nil) async throws {
        let ways = Mutex<(registry: TCPProxy, manager: TCPProxy)?>(nil)
        let wrapper = try TemporaryFolder()
        self.wrapper = wrapper
        self.redis = redis
        let leavePort = try FreePort.find()
        try wrapper.write(
            """
            #!/bin/bash
            until (exec 3<>/dev/tcp/127.0.0.1/\(leavePort)) 2>/dev/null; do sleep 0.05; done
            exec \(wrapper.path("agent"))
            """, to: "builder")
        // Where the builder's user may go, which the repository need not be.
        try FileManager.default.copyItem(atPath: "\(Programs.folder)/BuilderAgent", toPath: wrapper.path("agent"))
        chmod(wrapper.path("builder"), 0o755)
        chmod(wrapper.path, 0o755)
        farm = try await Farm(
            engine,
            manager: [
                "WORK_CHECK_TIMEOUT": "1", "INCOMPLETE_RETRY_DELAY": "0.3", "EPHEMERAL_API_TIMEOUT": "0.5",
                "HEARTBEAT_DELTA": "\(Self.silence.components.seconds)", "HEARTBEAT_PERIOD_SECONDS": "2",
            ],
            executor: ["BUILDER_BINARY_LOCATION": wrapper.path("builder"), "SETUP_TIME": "8"],
            orchestrator: redis.map { "REDIS_HOST: 127.0.0.1\nREDIS_PORT: \($0.port)" } ?? "MEM_CONFIG: {}",
            managers: managers
        ) { registry, managers in
            let made = (registry: try await TCPProxy(to: registry), manager: try await TCPProxy(toAny: managers))
            ways.withLock { $0 = made }
            return FarmFront(
                registry: "127.0.0.1:\(made.registry.port)", manager: "127.0.0.1:\(made.manager.port)")
        }
        guard let ways = ways.withLock({ $0 }) else { throw Farm.Failed(description: "no front") }
        (registryWay, managerWay) = ways
        gate = try await TCPProxy(to: farm.port)
        leave = try await TCPProxy(to: farm.port, port: leavePort)
        token = try await farm.initialize()
        try await farm.pushBaseImage(token: token)
    }

    /// Queues a build in a repository of its own, which will stop at `step`, and waits until it is there.
    func build(holdingAt step: ChaosCase.Step, in repository: String) async throws -> String {
        try await gate.set(step == .building ? .cut : .pass)
        try await leave.set(step == .scheduled ? .cut : .pass)
        try await registryWay.set(.pass)
        try await managerWay.set(.pass)
        try await farm.createRepository(repository, token: token)
        let files = ["Dockerfile": dockerfile]
        switch step {
        case .queued: for manager in farm.managers { manager.send(SIGSTOP) }
        case .started:
            // Managers speak to nobody: what dials waits.
            try await managerWay.set(.hold)
        case .registered, .pushing: try await gate.set(.cut)
        case .scheduled, .building: break
        }
        let dialled = try await managerWay.connections
        if step == .registered { try await leave.set(.cut) }
        let build = try await farm.build(repository, files: files, token: token)
        switch step {
        case .queued: break
        case .scheduled: try await until(build, in: repository, is: "build-scheduled")
        case .started:
            try await farm.eventually("the agent dials") { try await self.managerWay.connections > dialled }
        case .registered:
            try await until(build, in: repository, is: "build-scheduled")
            try await registryWay.set(.hold)
            try await leave.set(.pass)
            try await until(build, in: repository, is: "unpacking")
        case .building, .pushing:
            try await farm.eventually("the RUN waits") {
                try await self.farm.log(of: build, in: repository, token: self.token).contains {
                    $0.contains("line 100")
                }
            }
            guard step == .pushing else { break }
            try await registryWay.set(.hold)
            try await gate.set(.pass)
            try await until(build, in: repository, is: "pushing")
        }
        return build
    }

    /// Lets go of whatever holds builds.
    func release() async throws {
        for manager in farm.managers { manager.send(SIGCONT) }
        for way in [gate, leave, registryWay, managerWay] { try await way.set(.pass) }
    }

    /// Breaks one thing, and mends it.
    func inflict(_ chaos: ChaosCase, on build: String) async throws {
        switch (chaos.victim, chaos.fault) {
        case (.buildman, .killed): try await restart(farm.managers[0])
        case (.registry, .killed):
            try await restart(farm.registry)
            try await farm.waitForHealth()
        case (.buildman, .frozen): try await freeze { farm.managers[0].send($0) }
        case (.registry, .frozen): try await freeze { farm.registry.send($0) }
        case (.agent, .killed): for process in builders(of: build) { kill(process, SIGKILL) }
        case (.agent, .frozen):
            let builders = builders(of: build)
            try await freeze { signal in for process in builders { kill(process, signal) } }
        case (.network, .killed):
            try await managerWay.set(.cut)
            try await Task.sleep(for: Self.freeze)
            try await managerWay.set(.pass)
        case (.network, .frozen):
            try await managerWay.set(.hold)
            try await Task.sleep(for: Self.freeze)
            try await managerWay.set(.pass)
        case (.redis, .killed):
            try await redis?.kill()
            try await Task.sleep(for: .seconds(1))
            try await redis?.restart()
        case (.redis, .frozen):
            redis?.freeze()
            try await Task.sleep(for: Self.freeze)
            redis?.thaw()
        }
    }

    /// The agent, or the program that waits for leave to become it.
    private func builders(of build: String) -> [pid_t] {
        let processes = BuilderProcesses(build: build)
        let agents = processes.agents
        return agents.isEmpty ? Array(processes.processes(in: processes.walls)) : agents
    }

    private func restart(_ server: Server) async throws {
        try await server.kill()
        try await Task.sleep(for: .milliseconds(500))
        try server.start()
    }

    private func freeze(_ send: (Int32) -> Void) async throws {
        send(SIGSTOP)
        try await Task.sleep(for: Self.freeze)
        send(SIGCONT)
    }

    private func until(_ build: String, in repository: String, is phase: String) async throws {
        try await farm.eventually("the build is \(phase)") {
            try await self.farm.phase(of: build, in: repository, token: self.token) == phase
        }
    }

    /// Says who it is and counts, waits at the gate, and counts on.
    private var dockerfile: String {
        """
        FROM \(farm.host)/admin/busybox
        RUN cat /proc/sys/kernel/random/uuid >/id; echo "image $(cat /id)"; for n in $(seq 100); do echo "line $n"; done
        RUN until nc 127.0.0.1 \(gate.port) </dev/null >/dev/null 2>&1; do sleep 0.1; done
        RUN for n in $(seq 101 200); do echo "line $n"; done
        """
    }
}
