import Domain
import Foundation
import Glibc
import Logging
import Runtime
import Subprocess
import Synchronization

/// Starts builders as processes of this machine, each behind walls: a user of their own with no rights, their own
/// processes, mounts and IPC, and a home that is gone with them.
///
/// For one's own machine: the network is shared, and so is the kernel. Run as another user than root, it has no walls to
/// build but those of rootless containers.
actor LocalExecutor: Executor {
    struct Settings: Sendable {
        var profile: ExecutorProfile
        var command: BuilderCommand.Settings
        /// Holds the folders of builders.
        var base: String
        /// The data directory of the programs, which no build may see.
        var dataDirectory: String
        /// Who builders run as when this program is root.
        var user = BuilderUser.defaultName
    }

    nonisolated let profile: ExecutorProfile
    nonisolated let ends: AsyncStream<BuilderEnd>

    private let settings: Settings
    private let rooms: BuilderRooms
    private let isBehindWalls: Bool
    private let clock: WallClock
    private let logger: Logger
    private let ended: AsyncStream<BuilderEnd>.Continuation
    /// The first process of each builder that runs.
    private var builders: [JobKey: ProcessMark] = [:]
    private var watches: [JobKey: Task<Void, Never>] = [:]
    private var isReady = false

    init(_ settings: Settings, clock: WallClock, logger: Logger) {
        self.settings = settings
        self.profile = settings.profile
        self.isBehindWalls = getuid() == 0
        self.rooms = BuilderRooms(
            base: settings.base, owner: isBehindWalls ? BuilderUser(named: settings.user) : nil)
        self.clock = clock
        self.logger = logger
        (ends, ended) = AsyncStream.makeStream(of: BuilderEnd.self)
    }

    deinit {
        for watch in watches.values { watch.cancel() }
        ended.finish()
    }

    /// What keeps this machine from running builders; empty when nothing does.
    func problems() async -> [String] {
        await LocalReadiness(
            settings: settings.command, rooms: rooms, isBehindWalls: isBehindWalls,
            dataDirectory: settings.dataDirectory
        ).problems()
    }

    func start(_ launch: BuilderLaunch) async throws -> String {
        if let mark = builders[launch.key] { return mark.text }
        if !isReady {
            let problems = await problems()
            guard problems.isEmpty else { throw ExecutorFailure(problems.joined(separator: " ")) }
            isReady = true
        }
        try rooms.prepare()
        try rooms.makeHome(of: launch.key)
        let command = BuilderCommand(launch, settings.command, rooms: rooms, isBehindWalls: isBehindWalls)
        let mark = try await spawn(launch.key, command)
        return mark.text
    }

    func stop(_ key: JobKey) async {
        builders[key] = nil
        if let mark = rooms.mark(of: key) { await end(mark, key) }
        await removeHome(of: key)
        rooms.forget(key)
        watches.removeValue(forKey: key)?.cancel()
    }

    func reap(keeping live: LiveAttempts) async {
        let known = rooms.known()
        guard !known.isEmpty, let live = await live.among(known) else { return }
        for key in known {
            if !live.contains(key) {
                logger.notice("ended what was left of a build", metadata: ["job": "\(key)"])
                await stop(key)
            } else if builders[key] == nil, watches[key] == nil {
                adopt(key)
            }
        }
    }

    /// None: a builder's walls and home go with its attempt.
    func keptBuilders() -> Int { 0 }

    /// Starts the command and answers its first process, once the kernel has it.
    private func spawn(_ key: JobKey, _ command: BuilderCommand) async throws -> ProcessMark {
        let (started, start) = AsyncStream.makeStream(of: Result<ProcessMark, ExecutorFailure>.self)
        var options = PlatformOptions()
        options.createSession = true
        let configuration = Configuration(
            executable: .name("sh"), arguments: Arguments(command.arguments),
            environment: .custom(
                Dictionary(uniqueKeysWithValues: command.environment.map { (Environment.Key(stringLiteral: $0), $1) })),
            platformOptions: options)
        watches[key] = Task { [weak self] in
            do {
                let result = try await run(configuration, input: .none, output: .discarded, error: .discarded) {
                    execution in
                    let identifier = execution.processIdentifier.value
                    let mark = ProcessTable.entry(identifier)?.mark ?? ProcessMark(identifier: identifier, startTime: 0)
                    await self?.hasBegun(key, mark)
                    start.yield(.success(mark))
                }
                await self?.hasEnded(key, Self.describe(result.terminationStatus))
            } catch {
                start.yield(.failure(ExecutorFailure("The builder could not be started: \(error)")))
            }
            start.finish()
        }
        for await result in started { return try result.get() }
        throw ExecutorFailure("The builder ended before it began.")
    }

    private func hasBegun(_ key: JobKey, _ mark: ProcessMark) { builders[key] = mark }

    /// A builder that another process of this program started: not our child, so it is looked at now and then.
    private func adopt(_ key: JobKey) {
        // Not noted yet: somebody is starting it just now, or it never began; then its time to register runs out.
        guard let mark = rooms.mark(of: key) else { return }
        guard ProcessTable.isAlive(mark) else {
            ended.yield(BuilderEnd(key: key, how: "it was gone when the manager came back"))
            return
        }
        builders[key] = mark
        watches[key] = Task { [weak self, clock] in
            while ProcessTable.isAlive(mark) {
                do { try await clock.sleep(for: .milliseconds(500)) } catch { return }
            }
            await self?.hasEnded(key, "it ended")
        }
    }

    private func hasEnded(_ key: JobKey, _ how: String) {
        // Nobody waits for the end of a builder that was stopped.
        guard builders.removeValue(forKey: key) != nil else { return }
        // Where nobody could store this end, the next look tells it again.
        watches[key] = nil
        let words = rooms.lastWords(of: key)
        logger.notice("a builder ended", metadata: ["job": "\(key)", "how": "\(how)", "printed": "\(words)"])
        ended.yield(BuilderEnd(key: key, how: how))
    }

    /// Ends the builder's first process and everything that came of it; returns once nothing is left.
    private func end(_ mark: ProcessMark, _ key: JobKey) async {
        let marker = BuilderCommand.marker(of: key)
        for attempt in 0..<1000 {
            let family = ProcessTable.family(of: mark, marker: marker)
            guard !family.isEmpty else { return }
            // Stopped first, all of them: what can't fork can't get away from its family.
            for member in family { kill(member.identifier, attempt == 0 ? SIGSTOP : SIGKILL) }
            if attempt > 0 { do { try await clock.sleep(for: .milliseconds(10)) } catch { return } }
        }
        logger.error("a builder's processes can't be ended", metadata: ["job": "\(key)", "process": "\(mark.text)"])
    }

    private func removeHome(of key: JobKey) async {
        let home = rooms.home(of: key)
        guard access(home, F_OK) == 0 else { return }
        // What a rootless build stored belongs to ids that only a user namespace may touch.
        let ways: [(String, [String])] =
            isBehindWalls
            ? [("rm", ["-rf", "--one-file-system", "--", home])]
            : [("rm", ["-rf", "--", home]), ("buildah", ["unshare", "rm", "-rf", "--", home])]
        for (program, arguments) in ways {
            do {
                _ = try await run(.name(program), arguments: Arguments(arguments), output: .discarded)
            } catch { logger.warning("\(program) can't be run", metadata: ["error": "\(error)"]) }
            if access(home, F_OK) != 0 { return }
        }
        logger.error("a builder's folder can't be removed", metadata: ["folder": "\(home)"])
    }

    private static func describe(_ status: TerminationStatus) -> String {
        switch status {
        case .exited(let code): "it exited with code \(code)"
        case .signaled(let signal): "it was killed by signal \(signal)"
        }
    }
}
