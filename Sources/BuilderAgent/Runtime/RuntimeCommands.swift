import Domain
import Logging
import OCI

/// Runs a container runtime's commands for one build: with its environment, its log and its retries.
struct RuntimeCommands: Sendable {
    let runner: CommandRunner
    let logger: Logger

    /// Runs `command` until it succeeds, at most `attempts` times.
    ///
    /// Its output goes to `log`. Throws ``BuildFailure`` with `code` when the last attempt fails too.
    func perform(
        _ command: Command, failing code: BuildFailureCode, attempts: Int = 1, log: BuildOutput
    ) async throws {
        var result: CommandResult?
        for attempt in 1...attempts {
            result = try await run(command, log: log)
            if result?.isSuccess == true { return }
            logger.warning(
                "\(command.program) failed",
                metadata: ["attempt": "\(attempt)/\(attempts)", "reason": "\(result?.complaint ?? "")"])
        }
        throw BuildFailure(code, result?.complaint)
    }

    /// Runs `command` once. Throws ``BuildFailure`` when it can't be run.
    func run(_ command: Command, log: BuildOutput) async throws -> CommandResult {
        do { return try await runner.run(command) { await log.write($0) } } catch let error as CommandError {
            throw BuildFailure(.buildRunError, error.description)
        }
    }

    /// Throws ``BuildFailure`` unless the program answers to `command`.
    func check(_ command: Command) async throws {
        let result: CommandResult
        do {
            result = try await runner.run(command, limits: .init(idle: nil, total: .seconds(30)))
        } catch let error as CommandError {
            throw BuildFailure(.runtimeUnreachable, error.description)
        }
        guard result.isSuccess else { throw BuildFailure(.runtimeUnreachable, result.complaint) }
    }

    /// Runs `command` whatever its result; for tidying up, where a failure is worth a line and no more.
    func tidy(_ command: Command) async {
        do {
            let result = try await runner.run(command, limits: .init(idle: nil, total: .seconds(60)))
            guard !result.isSuccess else { return }
            logger.warning("tidying up failed", metadata: ["reason": "\(result.complaint)"])
        } catch { logger.warning("tidying up failed", metadata: ["reason": "\(error)"]) }
    }
}
