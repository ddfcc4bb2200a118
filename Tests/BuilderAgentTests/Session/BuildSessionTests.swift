import BuildProtocol
import Domain
import Foundation
import GRPCCore
import Runtime
import Synchronization
import TestSupport
import Testing

@testable import BuilderAgent

@Suite("Build session") struct BuildSessionTests {
    @Test("registers, reports the phases in order, pushes every tag and completes")
    func completes() async throws {
        let farm = try await Farm(dockerfile: "FROM alpine:3\nRUN true\n")
        let runtime = ScriptedRuntime { await $0.write("Step 1/1 : RUN true") }
        let manager = FakeManager(farm.script())
        let ending = try await farm.run(manager, runtime)
        #expect(ending == .complete)
        #expect(
            manager.memory.calls == [
                "ping", "register registration", "1 unpacking", "2 pulling", "3 building", "4 pushing", "5 complete",
            ])
        #expect(runtime.pulled.withLock { $0 } == ["docker.io/library/alpine:3"])
        #expect(
            runtime.pushed.withLock { $0 } == [
                "registry.example:5000/ns/app:v1", "registry.example:5000/ns/app:latest",
            ])
        #expect(manager.logText == "Step 1/1 : RUN true\n")
        #expect(manager.memory.heartbeats >= 1)
        #expect(manager.memory.pullMetadata?.baseImage == "library/alpine")
        #expect(manager.memory.pullMetadata?.baseImageTag == "3")
        #expect(runtime.cleanUps.withLock { $0 } == 1)
        #expect(try farm.leftovers() == [])
    }

    @Test("pulls nothing for FROM scratch")
    func scratch() async throws {
        let farm = try await Farm(dockerfile: "FROM scratch\nCOPY Dockerfile /\n")
        let manager = FakeManager(farm.script())
        #expect(try await farm.run(manager, ScriptedRuntime()) == .complete)
        #expect(manager.memory.calls.dropFirst(2) == ["1 unpacking", "2 building", "3 pushing", "4 complete"])
    }

    @Test(
        "a bad Dockerfile, source or context is said in the log before the phase error",
        arguments: [
            ("FROM alpine\nGIT clone\n", "/", "Could not find or parse Dockerfile: unknown instruction: GIT"),
            ("", "/", "Could not find or parse Dockerfile: Empty Dockerfile"),
            ("FROM alpine\n", "/a/../..", "contains '..'"),
        ])
    func badDockerfile(_ dockerfile: String, _ context: String, _ words: String) async throws {
        let farm = try await Farm(dockerfile: dockerfile)
        var script = farm.script()
        script.pack.context = context
        let manager = FakeManager(script)
        let ending = try await farm.run(manager, ScriptedRuntime())
        guard case .failed(let failure) = ending else {
            Issue.record("ended as \(ending)")
            return
        }
        #expect(failure.code == .dockerfileIssue)
        #expect(manager.memory.calls.last?.hasSuffix(" error") == true)
        #expect(manager.log?.last == .failure(failure))
        #expect(manager.logText.contains(words))
        #expect(try farm.leftovers() == [])
    }

    @Test("a missing package is an error, never a Dockerfile")
    func missingPackage() async throws {
        let farm = try await Farm(dockerfile: "FROM alpine\n")
        var script = farm.script()
        script.pack.packageURL += "-missing"
        let manager = FakeManager(script)
        let ending = try await farm.run(manager, ScriptedRuntime())
        guard case .failed(let failure) = ending else {
            Issue.record("ended as \(ending)")
            return
        }
        #expect(failure.code == .buildPackIssue)
        #expect(failure.cause?.contains("404") == true)
    }

    @Test("SEC-SSRF: a package URL on a private address is refused unless the pack allows it")
    func guardsAddresses() async throws {
        let farm = try await Farm(dockerfile: "FROM scratch\n")
        var script = farm.script()
        script.pack.packageURLTrusted = false
        let refused = FakeManager(script)
        #expect(try await farm.run(refused, ScriptedRuntime()) != .complete)
        #expect(refused.logText.contains("are not allowed"))
        script.pack.allowedPrivateNetworks = ["127.0.0.0/8"]
        #expect(try await farm.run(FakeManager(script), ScriptedRuntime()) == .complete)
    }

    @Test(
        "a refused phase stops the build: nothing more is reported",
        arguments: [
            BuildPhase.unpacking, .building, .pushing, .complete,
        ])
    func refusedPhase(_ phase: BuildPhase) async throws {
        let farm = try await Farm(dockerfile: "FROM scratch\n")
        var script = farm.script()
        script.refusedPhases = [phase]
        let manager = FakeManager(script)
        let runtime = ScriptedRuntime()
        let ending = try await farm.run(manager, runtime)
        guard case .rejected = ending else {
            Issue.record("ended as \(ending)")
            return
        }
        #expect(manager.memory.calls.last?.hasSuffix(phase.rawValue) == true)
        #expect(runtime.pushed.withLock { $0.isEmpty } == (phase != .complete))
        #expect(runtime.cleanUps.withLock { $0 } == 1)
    }

    @Test("three refused heartbeats in a row end a build that is busy, and cancel its work")
    func refusedHeartbeats() async throws {
        let farm = try await Farm(dockerfile: "FROM scratch\n")
        var script = farm.script()
        // A single refusal is forgiven.
        script.heartbeat = { $0 == 1 || $0 == 3 }
        let manager = FakeManager(script)
        let wasCancelled = Mutex(false)
        let runtime = ScriptedRuntime { _ in
            do { try await WallClock.system.sleep(for: .seconds(600)) } catch {
                wasCancelled.withLock { $0 = true }
                throw error
            }
        }
        let ending = try await farm.run(manager, runtime)
        guard case .rejected(let reason) = ending else {
            Issue.record("ended as \(ending)")
            return
        }
        #expect(reason.contains("3 heartbeats"))
        #expect(manager.memory.heartbeats == 6)
        #expect(wasCancelled.withLock { $0 })
        #expect(manager.memory.calls.last == "2 building")
        #expect(try farm.leftovers() == [])
    }

    @Test("lines that a broken stream did not acknowledge come again, in order, with their numbers")
    func replaysLines() async throws {
        let farm = try await Farm(dockerfile: "FROM scratch\n")
        var script = farm.script()
        script.breakingStreams = [1: 3, 2: 40]
        let manager = FakeManager(script)
        let runtime = ScriptedRuntime { log in for number in 1...200 { await log.write("line \(number)") } }
        #expect(try await farm.run(manager, runtime) == .complete)
        #expect(manager.memory.logStreams >= 3)
        #expect(manager.log == (1...200).map { .output("line \($0)\n") })
        #expect(manager.memory.received.count > 200)
        #expect(manager.memory.calls.last == "4 complete")
    }

    @Test("a manager that is killed and started again finds the build going on")
    func survivesRestart() async throws {
        let farm = try await Farm(dockerfile: "FROM scratch\n")
        let (gate, open) = AsyncStream.makeStream(of: Void.self)
        let manager = FakeManager(farm.script())
        let runtime = ScriptedRuntime { log in
            for number in 1...50 { await log.write("before \(number)") }
            for await _ in gate { break }
            for number in 1...50 { await log.write("after \(number)") }
        }
        let (port, session) = try await manager.serve { port in
            let session = Task { try await farm.session(port: port, runtime) }
            try await Self.wait { manager.memory.lines.count >= 50 && manager.memory.heartbeats >= 2 }
            return (port, session)
        }
        defer { session.cancel() }
        let beats = manager.memory.heartbeats
        open.yield()
        let ending = try await manager.serve(port: port) { _ in
            try await Self.wait { manager.memory.heartbeats > beats }
            return try await session.value
        }
        #expect(ending == .complete)
        let expected = (1...50).map { "before \($0)\n" } + (1...50).map { "after \($0)\n" }
        #expect(manager.log == expected.map { .output($0) })
    }

    @Test("a registration that is refused ends quietly: there is no build to report to")
    func refusedRegistration() async throws {
        let farm = try await Farm(dockerfile: "FROM scratch\n")
        var script = farm.script()
        script.registration = RPCError(code: .unauthenticated, message: "token used twice")
        let manager = FakeManager(script)
        guard case .rejected = try await farm.run(manager, ScriptedRuntime()) else {
            Issue.record("not rejected")
            return
        }
        #expect(manager.memory.calls.count == 2)
    }

    @Test("a cancelled session stops the work and tidies up")
    func cancelled() async throws {
        let farm = try await Farm(dockerfile: "FROM scratch\n")
        let manager = FakeManager(farm.script())
        let runtime = ScriptedRuntime { _ in try await WallClock.system.sleep(for: .seconds(600)) }
        let ending = try await manager.serve { port in
            let task = Task { try await farm.session(port: port, runtime) }
            try await Self.wait { manager.memory.calls.last == "2 building" }
            task.cancel()
            return try await task.value
        }
        guard case .abandoned = ending else {
            Issue.record("ended as \(ending)")
            return
        }
        #expect(runtime.cleanUps.withLock { $0 } == 1)
        #expect(try farm.leftovers() == [])
    }

    /// Polls: what is waited for happens behind a socket.
    static func wait(until isTrue: @Sendable () -> Bool) async throws {
        let deadline = ContinuousClock.now + .seconds(30)
        while !isTrue() {
            try #require(ContinuousClock.now < deadline, "waited in vain")
            try await WallClock.system.sleep(for: .milliseconds(10))
        }
    }
}
