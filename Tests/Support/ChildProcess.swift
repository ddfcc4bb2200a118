import Foundation
import Glibc
import Runtime
import Synchronization

/// A program that a test starts, in a process group of its own that never outlives the test.
///
/// Everything the group prints (both streams) is kept line by line. The group is killed when the value goes away, and
/// also when the test process dies, by whatever signal: a watcher in the group waits for the end of a pipe that only
/// the test process holds.
package final class ChildProcess: Sendable {
    package struct Failed: Error, CustomStringConvertible {
        package let description: String

        package init(description: String) { self.description = description }
    }

    /// The program's process id, which is also the id of its group.
    package let identifier: Int32
    private let output: Output
    private let lifeline: Lifeline

    /// Starts `program` (a path, or a name looked up in PATH), in the test's own folder unless `directory` names
    /// another; `environment` is set on top of the test's own.
    package init(
        _ program: String, _ arguments: [String] = [], environment: [String: String] = [:], directory: String? = nil
    ) throws {
        let output = try Channel(.pipe)
        let life = try Channel(.socket)
        // The watcher holds the pipe's reading end as descriptor 3 and takes the whole group with it at the end of file.
        let script = """
            ( exec >/dev/null 2>&1; read nothing <&3; kill -KILL 0 ) &
            cd -- "$1" && shift && exec "$@" 3<&-
            """
        let here = directory ?? FileManager.default.currentDirectoryPath
        let variables = ProcessInfo.processInfo.environment.merging(environment) { $1 }.map { "\($0)=\($1)" }
        identifier = try Self.spawn(
            ["/bin/sh", "-c", script, "sh", here, program] + arguments, variables: variables, output: output.write,
            lifeline: life.read)
        close(output.write)
        close(life.read)
        lifeline = Lifeline(descriptor: life.write)
        self.output = Output()
        watch(descriptor: output.read)
    }

    deinit { kill() }

    /// Everything printed so far.
    package var printed: String { output.text }

    /// `nil` while the program runs; then its exit code, or 128 + the signal that ended it.
    package var exitCode: Int32? { output.exitCode }

    /// Waits for a whole line that contains `text`, from the program's start on, and answers it.
    ///
    /// Throws ``Failed``, with everything printed, when the program ends first or `limit` passes.
    @discardableResult
    package func line(containing text: String, within limit: Duration = .seconds(30)) async throws -> String {
        try await wait(limit, "the line “\(text)”") { state in
            state.lines.first { $0.contains(text) }
        }
    }

    /// Waits for the program's end and answers its exit code (128 + signal if a signal ended it). What it printed has
    /// arrived by then, unless somebody that it left behind still holds its output.
    @discardableResult
    package func exit(within limit: Duration = .seconds(30)) async throws -> Int32 {
        let code = try await wait(limit, "the end") { $0.exitCode }
        do { _ = try await wait(.seconds(2), "the end of its output") { $0.isClosed ? true : nil } } catch is Failed {}
        return code
    }

    /// Sends `signal` to the program alone.
    package func send(signal: Int32) {
        guard exitCode == nil else { return }
        Glibc.kill(identifier, signal)
    }

    /// Ends the whole group at once (SIGKILL): nothing in it can clean up.
    package func kill() {
        lifeline.cut(killing: identifier)
    }

    private func wait<Value: Sendable>(
        _ limit: Duration, _ what: String, until look: @escaping @Sendable (borrowing Output.State) -> Value?
    ) async throws -> Value {
        let output = self.output
        return try await withThrowingTaskGroup(of: Value?.self) { group in
            group.addTask {
                for await _ in output.changes() {
                    if let value = output.look(look) { return value }
                    // What came between the two looks counts.
                    if output.exitCode != nil, output.isClosed { return output.look(look) }
                }
                return nil
            }
            group.addTask {
                try await WallClock.system.sleep(for: limit)
                return nil
            }
            defer { group.cancelAll() }
            if let first = try await group.next(), let value = first { return value }
            throw Failed(description: "Waited for \(what) in vain; printed so far:\n\(output.text)")
        }
    }

    private func watch(descriptor: Int32) {
        let output = self.output
        let identifier = self.identifier
        let lifeline = self.lifeline
        Thread.detachNewThread {
            var buffer = [UInt8](repeating: 0, count: 65_536)
            while true {
                let count = read(descriptor, &buffer, buffer.count)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { break }
                output.append(buffer[..<count])
            }
            close(descriptor)
            output.close()
        }
        Thread.detachNewThread {
            var status: Int32 = 0
            while waitpid(identifier, &status, 0) < 0, errno == EINTR {}
            let signal = status & 0x7F
            // What the program left running in its group goes with it.
            lifeline.cut()
            output.end(exitCode: signal == 0 ? (status >> 8) & 0xFF : 128 + signal)
        }
    }

    private typealias CloseFrom = @convention(c) (UnsafeMutablePointer<posix_spawn_file_actions_t>, Int32) -> Int32

    /// In the C library since 2.34, but not in what Swift sees of it.
    private static let closeFrom: CloseFrom? = dlsym(nil, "posix_spawn_file_actions_addclosefrom_np").map {
        unsafeBitCast($0, to: CloseFrom.self)
    }

    private static func spawn(_ words: [String], variables: [String], output: Int32, lifeline: Int32) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, output, 1)
        posix_spawn_file_actions_adddup2(&actions, output, 2)
        posix_spawn_file_actions_adddup2(&actions, lifeline, 3)
        // Connections that this process has accepted are open to its children: they would keep them open for the client.
        _ = Self.closeFrom?(&actions, 4)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK))
        posix_spawnattr_setpgroup(&attributes, 0)
        var argv: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        var envp: [UnsafeMutablePointer<CChar>?] = variables.map { strdup($0) } + [nil]
        defer { (argv + envp).forEach { free($0) } }
        var identifier: pid_t = 0
        let code = posix_spawn(&identifier, words[0], &actions, &attributes, &argv, &envp)
        guard code == 0 else { throw SystemCallFailed("posix_spawn", code: code) }
        return identifier
    }
}

/// Two connected descriptors that other children do not inherit, numbered above 3 (which the child uses itself).
private struct Channel {
    /// A socket pair is closed to other children from its first moment on; a program's output must be a pipe.
    enum Kind { case pipe, socket }

    let read: Int32
    let write: Int32

    init(_ kind: Kind) throws {
        var ends: [Int32] = [0, 0]
        switch kind {
        case .pipe: guard pipe(&ends) == 0 else { throw SystemCallFailed("pipe") }
        case .socket:
            let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
            guard socketpair(AF_UNIX, type, 0, &ends) == 0 else { throw SystemCallFailed("socketpair") }
        }
        defer { ends.forEach { close($0) } }
        read = fcntl(ends[0], F_DUPFD_CLOEXEC, 10)
        write = fcntl(ends[1], F_DUPFD_CLOEXEC, 10)
        guard read >= 0, write >= 0 else { throw SystemCallFailed("fcntl") }
    }
}

/// The pipe end whose closing kills the group.
private final class Lifeline: Sendable {
    private let descriptor: Mutex<Int32?>

    init(descriptor: Int32) { self.descriptor = Mutex(descriptor) }

    func cut(killing group: pid_t? = nil) {
        descriptor.withLock { descriptor in
            guard let open = descriptor else { return }
            // The watcher keeps the group's id from being used again, until the lifeline is cut.
            if let group { Glibc.kill(-group, SIGKILL) }
            close(open)
            descriptor = nil
        }
    }
}

/// What a child printed and how it ended, for any number of waiting tasks.
private final class Output: Sendable {
    struct State {
        var lines: [String] = []
        var rest: [UInt8] = []
        var isClosed = false
        var exitCode: Int32?
        var waiting: [Int: AsyncStream<Void>.Continuation] = [:]
        var next = 0
    }

    private let state = Mutex(State())

    var text: String {
        state.withLock { ($0.lines + [String(decoding: $0.rest, as: UTF8.self)]).joined(separator: "\n") }
    }
    var exitCode: Int32? { state.withLock { $0.exitCode } }
    var isClosed: Bool { state.withLock { $0.isClosed } }

    func look<Value>(_ body: (borrowing State) -> Value?) -> Value? where Value: Sendable {
        state.withLock { body($0) }
    }

    func append(_ bytes: ArraySlice<UInt8>) {
        change { state in
            state.rest += bytes
            var lines = state.rest.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
            state.rest = Array(lines.removeLast())
            state.lines += lines.map { String(decoding: $0, as: UTF8.self) }
        }
    }

    func close() { change { $0.isClosed = true } }

    func end(exitCode: Int32) { change { $0.exitCode = exitCode } }

    /// One element at once, and one after each change.
    func changes() -> AsyncStream<Void> {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        continuation.yield()
        let number = state.withLock { state in
            state.next += 1
            state.waiting[state.next] = continuation
            return state.next
        }
        continuation.onTermination = { [weak self] _ in
            self?.state.withLock { _ = $0.waiting.removeValue(forKey: number) }
        }
        return stream
    }

    private func change(_ body: (inout State) -> Void) {
        let waiting = state.withLock { state in
            body(&state)
            return Array(state.waiting.values)
        }
        for continuation in waiting { continuation.yield() }
    }
}
