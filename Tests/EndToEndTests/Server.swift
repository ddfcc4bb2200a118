import Glibc
import Synchronization
import TestSupport

/// One server process that a test may kill and start again.
final class Server: Sendable {
    private let program: String
    private let arguments: [String]
    private let environment: [String: String]
    private let process = Mutex<ChildProcess?>(nil)
    /// What earlier processes printed.
    private let history = Mutex("")

    /// - Parameter environment: set on top of the test's own.
    init(_ program: String, _ arguments: [String], environment: [String: String] = [:]) {
        self.program = program
        self.arguments = arguments
        self.environment = environment
    }

    private var current: ChildProcess? { process.withLock { $0 } }

    func start() throws {
        let child = try ChildProcess(program, arguments, environment: environment)
        process.withLock { $0 = child }
    }

    /// kill -9, to this process alone; what it has started is not asked.
    func kill() async throws {
        guard let child = current else { return }
        child.send(signal: SIGKILL)
        try await child.exit(within: .seconds(10))
        history.withLock { $0 += child.printed }
    }

    /// Sends a signal to this process alone, such as SIGSTOP; nothing happens when it does not run.
    func send(_ signal: Int32) { current?.send(signal: signal) }

    /// SIGTERM, and the exit code.
    func terminate() async throws -> Int32? {
        guard let child = current else { return nil }
        child.send(signal: SIGTERM)
        return try await child.exit(within: .seconds(40))
    }

    /// Waits for the end of a process that something else ends.
    func exit() async throws { _ = try await current?.exit(within: .seconds(40)) }

    /// Everything printed, by all its processes.
    var log: String { history.withLock { $0 } + (current?.printed ?? "") }
    var exitCode: Int32? { current?.exitCode }
    var identifier: Int32? { current?.identifier }
}
