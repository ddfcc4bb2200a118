import BuildProtocol
import Domain
import Foundation
import GRPCCore
import Runtime
import Synchronization
import TestSupport
import Testing

@testable import BuilderAgent

/// A manager that goes away, and a network that drops, swallows or refuses: nothing of the build is lost, and nothing is
/// told twice.
@Suite("Endurance", .timeLimit(.minutes(2))) struct EnduranceTests {
    /// What happens to the way between agent and manager while a build writes.
    enum Fault: String, CaseIterable, Sendable {
        /// Connections are reset again and again, as by a proxy that restarts.
        case resets
        /// Nothing gets through for longer than a call may take; what was sent arrives in the end.
        case silence
    }

    @Test("lines and phases come once, in order, whatever happens on the way", arguments: Fault.allCases)
    func survives(_ fault: Fault) async throws {
        let farm = try await Farm(dockerfile: "FROM scratch\n")
        let manager = FakeManager(farm.script())
        let runtime = ScriptedRuntime { log in
            for number in 1...3_000 { await log.write("line \(number)") }
        }
        let ending = try await manager.serve { port in
            let proxy = try await TCPProxy(to: port)
            let session = Task {
                try await farm.session(port: proxy.port, runtime) {
                    $0.call = .seconds(1)
                    $0.longestPause = .milliseconds(100)
                }
            }
            defer { session.cancel() }
            for round in 1...3 {
                try await BuildSessionTests.wait { manager.memory.lines.count > round * 100 }
                switch fault {
                case .resets: try await proxy.set(.cut)
                case .silence:
                    try await proxy.set(.hold)
                    // Both streams have been given up at least once by then.
                    try await WallClock.system.sleep(for: .seconds(3))
                }
                try await proxy.set(.pass)
            }
            return try await session.value
        }
        #expect(ending == .complete)
        #expect(manager.log == (1...3_000).map { .output("line \($0)\n") })
        let phases = manager.memory.calls.filter { $0.first?.isNumber == true }
        // A phase whose answer was lost comes again, with its number.
        let distinct = phases.enumerated().filter { $0.offset == 0 || phases[$0.offset - 1] != $0.element }
        #expect(distinct.map(\.element) == ["1 unpacking", "2 building", "3 pushing", "4 complete"])
    }

    @Test("a build that prints while the manager is away waits: only so much is held") func backPressure() async throws
    {
        let farm = try await Farm(dockerfile: "FROM scratch\n")
        let manager = FakeManager(farm.script())
        let written = Mutex(0)
        let runtime = ScriptedRuntime { log in
            // A real program, which feels that nobody reads: 20 MB in lines of 4 kB.
            let command = Command(
                "sh", ["-c", "head -c 20000000 /dev/zero | tr '\\0' x | fold -w 3999"],
                environment: ["PATH": "/usr/bin:/bin"])
            _ = try await CommandRunner().run(command) { line in
                await log.write(line)
                written.withLock { $0 += 1 }
            }
        }
        let ending = try await manager.serve { port in
            let proxy = try await TCPProxy(to: port)
            let session = Task { try await farm.session(port: proxy.port, runtime) { $0.call = .seconds(2) } }
            defer { session.cancel() }
            try await BuildSessionTests.wait { manager.memory.lines.count > 100 }
            try await proxy.set(.cut)
            // Once nothing moves for a while, everything waits for the manager.
            var last = -1
            while last != written.withLock({ $0 }) {
                last = written.withLock { $0 }
                try await WallClock.system.sleep(for: .milliseconds(500))
            }
            #expect(last - manager.memory.lines.count <= 1_100, "more is held than the buffer's bound")
            #expect(last < 4_000)
            try await proxy.set(.pass)
            return try await session.value
        }
        #expect(ending == .complete)
        #expect(manager.log?.count == 5_002)
    }

    @Test("a manager that is away for longer than a restart takes is given up, and the work stops") func absence()
        async throws
    {
        let farm = try await Farm(dockerfile: "FROM scratch\n")
        let manager = FakeManager(farm.script())
        let runtime = ScriptedRuntime { _ in try await WallClock.system.sleep(for: .seconds(600)) }
        let ending = try await manager.serve { port in
            let proxy = try await TCPProxy(to: port)
            let session = Task {
                try await farm.session(port: proxy.port, runtime) {
                    $0.absence = .seconds(4)
                    $0.call = .seconds(2)
                }
            }
            defer { session.cancel() }
            try await BuildSessionTests.wait { manager.memory.calls.last == "2 building" }
            try await proxy.set(.hold)
            return try await session.value
        }
        guard case .abandoned = ending else {
            Issue.record("ended as \(ending)")
            return
        }
        #expect(runtime.cleanUps.withLock { $0 } == 1)
        #expect(try farm.leftovers() == [])
    }

    @Test("an agent that comes before its manager waits for it") func arrival() async throws {
        let farm = try await Farm(dockerfile: "FROM scratch\n")
        let manager = FakeManager(farm.script())
        let ending = try await manager.serve { port in
            let proxy = try await TCPProxy(to: port)
            try await proxy.set(.cut)
            let session = Task {
                try await farm.session(port: proxy.port, ScriptedRuntime()) {
                    $0.dial = .seconds(1)
                }
            }
            defer { session.cancel() }
            try await WallClock.system.sleep(for: .milliseconds(700))
            try await proxy.set(.pass)
            return try await session.value
        }
        #expect(ending == .complete)
    }

    @Test("a registration and a last phase whose answers are lost come again") func lostAnswers() async throws {
        let farm = try await Farm(dockerfile: "FROM scratch\n")
        var script = farm.script()
        script.lostRegistrations = 1
        script.lostPhases = [.building, .complete]
        let manager = FakeManager(script)
        #expect(try await farm.run(manager, ScriptedRuntime()) == .complete)
        #expect(
            manager.memory.calls == [
                "ping", "register registration", "register registration", "1 unpacking", "2 building", "2 building",
                "3 pushing", "4 complete", "4 complete",
            ])
    }

    @Test("a refused line comes again, and one that is always refused holds nothing up", arguments: [2, 1_000])
    func refusedLines(_ times: Int) async throws {
        let farm = try await Farm(dockerfile: "FROM scratch\n")
        var script = farm.script()
        script.refusedLines = [3: times]
        let manager = FakeManager(script)
        let runtime = ScriptedRuntime { log in for number in 1...10 { await log.write("line \(number)") } }
        #expect(try await farm.run(manager, runtime) == .complete)
        let expected = (1...10).filter { times == 2 || $0 != 3 }
        #expect(manager.memory.lines.keys.sorted() == expected.map { Int32($0) })
    }

    @Test("a stream is closed while there is nothing to say, and comes back with the next line") func quiet()
        async throws
    {
        let farm = try await Farm(dockerfile: "FROM scratch\n")
        let manager = FakeManager(farm.script())
        let runtime = ScriptedRuntime { log in
            for number in 1...3 {
                await log.write("line \(number)")
                try await BuildSessionTests.wait { manager.memory.lines.count == number }
                try await BuildSessionTests.wait { manager.memory.openLogStreams == 0 }
            }
        }
        let ending = try await manager.serve { port in
            try await farm.session(port: port, runtime) { $0.quietLog = .milliseconds(100) }
        }
        #expect(ending == .complete)
        #expect(manager.log == (1...3).map { .output("line \($0)\n") })
        #expect(manager.memory.received == [1, 2, 3])
    }

    @Test("a clone that hangs ends with the attempt, in seconds") func hangingClone() async throws {
        let farm = try await Farm(dockerfile: "FROM scratch\n")
        let deaf = try await TCPProxy(to: 9)
        try await deaf.set(.hold)
        var script = farm.script()
        script.pack.gitPackage.url = "http://127.0.0.1:\(deaf.port)/source.git"
        script.pack.gitPackage.sha = String(repeating: "a", count: 40)
        script.heartbeat = { $0 < 10 }
        let manager = FakeManager(script)
        let begin = ContinuousClock.now
        let ending = try await farm.run(manager, ScriptedRuntime())
        guard case .rejected = ending else {
            Issue.record("ended as \(ending)")
            return
        }
        #expect(try await deaf.connections >= 1)
        #expect(ContinuousClock.now - begin < .seconds(60), "git alone would wait for three minutes")
        #expect(try farm.leftovers() == [])
    }
}
