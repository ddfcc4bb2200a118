import Runtime
import Subprocess
import Synchronization

/// Runs programs, each in a session and process group of its own, and hands out what they print line by line.
struct CommandRunner: Sendable {
    /// How long a program may be silent, and take in all.
    struct Limits: Sendable, Hashable {
        var idle: Duration?
        var total: Duration?

        static let none = Limits(idle: nil, total: nil)
    }

    private let clock: WallClock

    init(clock: WallClock = .system) {
        self.clock = clock
    }

    /// Runs `command` to its end; both output streams go to `onLine` in order, which may take its time.
    ///
    /// A non-zero exit is a result, not an error. Throws ``CommandError``, `CancellationError` when the task is cancelled,
    /// and what `onLine` throws; in all three cases the whole process group is ended first (SIGTERM, 5 s, SIGKILL).
    func run(
        _ command: Command, limits: Limits = .none,
        onLine: @Sendable @escaping (String) async throws -> Void = { _ in }
    ) async throws -> CommandResult {
        var options = PlatformOptions()
        options.createSession = true
        let teardown = [
            TeardownStep.gracefulShutDown(toProcessGroup: true, allowedDurationToNextStep: .seconds(5))
        ]
        options.teardownSequence = teardown
        let environment = Dictionary(
            uniqueKeysWithValues: command.environment.compactMap { name, value in
                Environment.Key(rawValue: name).map { ($0, value) }
            })
        let started = ContinuousClock.now
        let watch = OutputWatch(since: started)
        do {
            let result = try await Subprocess.run(
                .name(command.program), arguments: Arguments(command.arguments),
                environment: .custom(environment), platformOptions: options, input: .none, output: .sequence,
                error: .combinedWithOutput
            ) { execution in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask {
                        try await Self.read(execution.standardOutput, watch: watch, onLine: onLine)
                    }
                    group.addTask {
                        // The group is torn down before the error leaves, so that the reader sees the end.
                        let error = try await passedLimit(limits, of: command.program, watch, since: started)
                        watch.judge(error)
                        await execution.teardown(using: teardown)
                    }
                    defer { group.cancelAll() }
                    try await group.next()
                }
            }
            try Task.checkCancellation()
            if let error = watch.verdict { throw error }
            return CommandResult(status: CommandResult.Status(result.terminationStatus), tail: watch.tail)
        } catch let error as SubprocessError {
            try Task.checkCancellation()
            if error.code == .executableNotFound { throw CommandError.notFound(program: command.program) }
            throw CommandError.notStarted(program: command.program, reason: "\(error)")
        }
    }

    private static func read(
        _ output: SubprocessOutputSequence, watch: OutputWatch, onLine: @Sendable (String) async throws -> Void
    ) async throws {
        var splitter = LineSplitter()
        for try await buffer in output {
            let lines = buffer.withUnsafeBytes { splitter.feed($0) }
            for line in lines {
                watch.note(line)
                try await onLine(line)
            }
            // After the lines: time in which the log was full isn't the program's silence.
            watch.touch()
        }
        if let rest = splitter.finish() {
            watch.note(rest)
            try await onLine(rest)
        }
    }

    /// Waits until `program` passes one of its limits; throws only `CancellationError`.
    private func passedLimit(
        _ limits: Limits, of program: String, _ watch: OutputWatch, since started: ContinuousClock.Instant
    ) async throws -> CommandError {
        while true {
            try await clock.sleep(for: .seconds(1))
            let now = ContinuousClock.now
            if let idle = limits.idle, now - watch.lastOutput > idle {
                return .silent(program: program, limit: idle)
            }
            if let total = limits.total, now - started > total {
                return .overdue(program: program, limit: total)
            }
        }
    }
}

/// What one program printed lately.
private final class OutputWatch: Sendable {
    private static let tailLines = 40
    private let state: Mutex<(lastOutput: ContinuousClock.Instant, tail: [String], verdict: CommandError?)>

    init(since start: ContinuousClock.Instant) {
        state = Mutex((start, [], nil))
    }

    var lastOutput: ContinuousClock.Instant { state.withLock { $0.lastOutput } }
    var tail: [String] { state.withLock { $0.tail } }
    /// The limit that the program passed.
    var verdict: CommandError? { state.withLock { $0.verdict } }

    func touch() { state.withLock { $0.lastOutput = .now } }

    func judge(_ error: CommandError) { state.withLock { $0.verdict = error } }

    func note(_ line: String) {
        state.withLock { state in
            if state.tail.count == Self.tailLines { state.tail.removeFirst() }
            state.tail.append(String(line.prefix(1_000)))
        }
    }
}

extension CommandResult.Status {
    fileprivate init(_ status: TerminationStatus) {
        switch status {
        case .exited(let code): self = .exited(code)
        case .signaled(let number): self = .signalled(number)
        }
    }
}
