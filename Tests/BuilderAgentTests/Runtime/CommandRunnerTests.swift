import Foundation
import Glibc
import Runtime
import Synchronization
import TestSupport
import Testing

@testable import BuilderAgent

@Suite("Command runner") struct CommandRunnerTests {
    private static let environment = ["PATH": "/usr/bin:/bin"]

    @Test(
        "hands out both streams line by line and tells how the program ended",
        arguments: [
            ("echo out; echo err >&2; printf rest; exit 3", CommandResult.Status.exited(3), ["out", "err", "rest"]),
            ("kill -9 $$", .signalled(9), []), ("true", .exited(0), []),
        ])
    func runs(_ script: String, _ status: CommandResult.Status, _ expected: [String]) async throws {
        let lines = Mutex<[String]>([])
        let result = try await CommandRunner().run(Self.shell(script)) { line in lines.withLock { $0.append(line) } }
        #expect(result.status == status)
        #expect(lines.withLock { $0 } == expected)
        #expect(result.tail == expected)
    }

    @Test("passes nothing on but the given environment")
    func environment() async throws {
        let result = try await CommandRunner().run(Command("env", [], environment: ["PATH": "/usr/bin", "A": "b"]))
        #expect(Set(result.tail) == ["PATH=/usr/bin", "A=b"])
    }

    @Test("ends the whole process group when it is cancelled")
    func cancels() async throws {
        let identifier = Mutex<pid_t?>(nil)
        let (started, start) = AsyncStream.makeStream(of: Void.self)
        let task = Task {
            try await CommandRunner().run(Self.shell("sleep 600 & echo $!; wait")) { line in
                identifier.withLock { $0 = pid_t(line) }
                start.yield()
            }
        }
        for await _ in started { break }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        let child = try #require(identifier.withLock { $0 })
        // Gone, or a zombie that nobody has waited for yet: never running.
        let state = (try? String(contentsOfFile: "/proc/\(child)/stat", encoding: .utf8)) ?? ""
        #expect(state.isEmpty || state.contains(") Z"))
    }

    @Test("ends a program that takes too long, though it prints all the time")
    func overdue() async throws {
        let limit = Duration.milliseconds(100)
        await #expect(throws: CommandError.overdue(program: "sh", limit: limit)) {
            try await CommandRunner().run(
                Self.shell("while :; do echo x; sleep 0.05; done"), limits: .init(idle: .seconds(60), total: limit))
        }
    }

    @Test(
        "finds the sentence that explains a failure",
        arguments: [
            (
                ["STEP 1", "Error: building at STEP \"RUN false\": exit status 1"],
                "building at STEP \"RUN false\": exit status 1"
            ),
            (["fatal: repository not found", ""], "repository not found"), (["a", "b"], "b"),
            ([], "it ended with exit code 1"),
            (["time=\"x\" level=error msg=\"Error: x\"", "last"], "time=\"x\" level=error msg=\"Error: x\""),
        ])
    func complaint(_ tail: [String], _ words: String) {
        #expect(CommandResult(status: .exited(1), tail: tail).complaint == words)
    }

    private static func shell(_ script: String) -> Command { Command("sh", ["-c", script], environment: environment) }
}
