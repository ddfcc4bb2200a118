import Domain
import Foundation
import Logging

/// One agent's life: register, build with heartbeats and log beside it, report the end.
struct BuildSession: Sendable {
    /// How it ended, for the exit code.
    enum Ending: Sendable, Hashable {
        case complete
        /// The build failed, and the manager knows why.
        case failed(BuildFailure)
        /// The manager ended the attempt: a cancellation, or another attempt took over.
        case rejected(String)
        /// The agent was told to stop, or lost its manager.
        case abandoned(String)
    }

    /// Makes the container runtime for a build; tests pass one of their own.
    typealias MakeRuntime =
        @Sendable (_ pack: BuildPack, _ workspace: BuildWorkspace, _ environment: [String: String]) throws ->
        any ContainerRuntime

    let manager: ManagerConnection
    let token: BuildSecret
    /// The environment that the build's programs see, but for HOME and TMPDIR.
    let environment: [String: String]
    /// Folder for workspaces.
    let temporary: String
    let runner: CommandRunner
    let logger: Logger
    let makeRuntime: MakeRuntime

    /// Never throws: every end is an ``Ending``. Cancelling the task stops the build and tidies up.
    func run() async -> Ending {
        let pack: BuildPack
        do {
            try await manager.ping()
            pack = try await manager.register(token: token)
        } catch let rejected as ManagerConnection.Rejected {
            return .rejected(rejected.description)
        } catch let failure as BuildFailure {
            // Nobody to tell: without a job token no call is accepted.
            return .abandoned(failure.cause ?? failure.message)
        } catch is CancellationError {
            return .abandoned("The agent was told to stop.")
        } catch { return .abandoned("\(error)") }
        var logger = logger
        logger[metadataKey: "build"] = "\(pack.buildID)"
        logger[metadataKey: "attempt"] = "\(pack.attempt)"
        logger.info(
            "registered",
            metadata: [
                "repository": "\(pack.registry.repository)",
                "tags": "\(pack.tags.map(\.text).joined(separator: ","))",
            ])
        return await build(pack, logger: logger)
    }

    private enum Event: Sendable {
        case heartbeatsEnded(Heartbeat.End)
        case uploadEnded(LogUploader.End)
        case built(Result<Void, any Error>)
    }

    private func build(_ pack: BuildPack, logger: Logger) async -> Ending {
        let uploader = LogUploader(manager: manager, jobToken: pack.jobToken, logger: logger)
        let phases = PhaseReporter(manager: manager, jobToken: pack.jobToken, logger: logger)
        let heartbeat = Heartbeat(manager: manager, jobToken: pack.jobToken, logger: logger)
        let ending = await withTaskGroup(of: Event.self, returning: Ending.self) { group in
            group.addTask { .heartbeatsEnded(await heartbeat.beat()) }
            group.addTask { .uploadEnded(await uploader.run()) }
            group.addTask { .built(await self.work(pack, phases, uploader, logger)) }
            var ending: Ending?
            for await event in group {
                switch event {
                case .built(let result):
                    if ending == nil { ending = await self.verdict(result, uploader) }
                    await uploader.close()
                    if case .complete? = ending { continue }
                    if case .failed? = ending { continue }
                case .heartbeatsEnded(.stopped): continue
                case .heartbeatsEnded(.refused(let reason)):
                    if ending == nil || ending == .complete { ending = .rejected(reason) }
                case .heartbeatsEnded(.managerGone):
                    ending = ending ?? .abandoned("Buildman did not answer any more.")
                case .uploadEnded(.drained): break
                case .uploadEnded(.refused(let reason)): ending = ending ?? .rejected(reason)
                case .uploadEnded(.stopped):
                    ending =
                        ending
                        ?? .abandoned(
                            Task.isCancelled ? "The agent was told to stop." : "The log could not be delivered.")
                }
                // Whatever still runs has no purpose any more; the group waits until it has stopped.
                group.cancelAll()
            }
            return ending ?? .abandoned("The build ended without a result.")
        }
        // After the last heartbeat: one for an attempt that has ended would be refused.
        return await report(ending, phases)
    }

    /// The build itself, from an empty workspace to a removed one.
    private func work(
        _ pack: BuildPack, _ phases: PhaseReporter, _ uploader: LogUploader, _ logger: Logger
    ) async -> Result<Void, any Error> {
        let workspace: BuildWorkspace
        do { workspace = try BuildWorkspace.make(below: temporary) } catch { return .failure(error) }
        let result = await perform(pack, workspace, phases, uploader, logger)
        do { try workspace.remove() } catch {
            logger.warning("the workspace could not be removed", metadata: ["folder": "\(workspace.folder.path)"])
        }
        return result
    }

    private func perform(
        _ pack: BuildPack, _ workspace: BuildWorkspace, _ phases: PhaseReporter, _ uploader: LogUploader,
        _ logger: Logger
    ) async -> Result<Void, any Error> {
        var environment = environment
        environment["HOME"] = workspace.files.home.path
        environment["TMPDIR"] = workspace.files.temporary.path
        let runtime: any ContainerRuntime
        do { runtime = try makeRuntime(pack, workspace, environment) } catch { return .failure(error) }
        let job = BuildJob(
            pack: pack, phases: phases, runtime: runtime, fetch: SourceFetch(runner: runner, logger: logger),
            workspace: workspace, environment: environment, log: BuildOutput { await uploader.write($0) })
        let result: Result<Void, any Error>
        do { result = .success(try await job.run()) } catch { result = .failure(error) }
        // In a task of its own: tidying up must go on when the build was cancelled.
        await Task { await runtime.cleanUp() }.value
        return result
    }

    private func verdict(_ result: Result<Void, any Error>, _ uploader: LogUploader) async -> Ending {
        switch result {
        case .success: return .complete
        case .failure(let rejected as ManagerConnection.Rejected): return .rejected(rejected.description)
        case .failure(is CancellationError): return .abandoned("The agent was told to stop.")
        case .failure(let error):
            let failure = error as? BuildFailure ?? BuildFailure(.internalError, "\(error)")
            await uploader.write(failure)
            return .failed(failure)
        }
    }

    private func report(_ ending: Ending, _ phases: PhaseReporter) async -> Ending {
        do {
            switch ending {
            case .complete: try await phases.report(.complete)
            case .failed: try await phases.report(.error)
            case .rejected, .abandoned: break
            }
            return ending
        } catch let rejected as ManagerConnection.Rejected {
            return .rejected(rejected.description)
        } catch { return .abandoned("The end of the build could not be reported: \(error)") }
    }
}
