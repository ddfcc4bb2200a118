import BuildProtocol
import Domain
import GRPCCore
import Logging
import RegistryCore
import Runtime
import ServiceLifecycle

/// The service that build agents call. Source: Quay 6.6.
struct BuildManagerService: BuildmanPb_BuildManager.SimpleServiceProtocol {
    let supervisor: JobSupervisor
    let registration: BuildRegistration
    let assembly: BuildPackAssembly
    let cachedTags: CachedTag
    let tokens: JobTokens
    let attempts: BuildAttemptService
    let clock: WallClock
    let logger: Logger

    func ping(request: BuildmanPb_PingRequest, context: ServerContext) async throws -> BuildmanPb_PingReply {
        BuildmanPb_PingReply(reply: "pong")
    }

    func registerBuildJob(
        request: BuildmanPb_BuildJobArgs, context: ServerContext
    ) async throws -> BuildmanPb_BuildPack {
        do { return try await register(request.registerJwt, context) } catch {
            throw RPCStatus.render(error, during: "register", from: context.remotePeer, logger)
        }
    }

    func setPhase(
        request: BuildmanPb_SetPhaseRequest, context: ServerContext
    ) async throws -> BuildmanPb_SetPhaseResponse {
        do {
            let isAccepted = try await PhaseCall(supervisor: supervisor, tokens: tokens, attempts: attempts).perform(
                request)
            return BuildmanPb_SetPhaseResponse(success: isAccepted, sequenceNumber: request.sequenceNumber)
        } catch { throw RPCStatus.render(error, during: "set phase", from: context.remotePeer, logger) }
    }

    func heartbeat(
        request: RPCAsyncSequence<BuildmanPb_HeartbeatRequest, any Error>,
        response: RPCWriter<BuildmanPb_HeartbeatResponse>, context: ServerContext
    ) async throws {
        do {
            // A manager that stops ends its streams: their agents come back to whoever is there then.
            try await cancelWhenGracefulShutdown {
                var memory = JobTokenMemory(tokens)
                for try await beat in request {
                    let key = try await memory.key(of: beat.jobJwt)
                    let isAlive = try await supervisor.hear(from: key)
                    try await response.write(BuildmanPb_HeartbeatResponse(reply: isAlive))
                }
            }
        } catch { throw RPCStatus.render(error, during: "heartbeat", from: context.remotePeer, logger) }
    }

    func logMessage(
        request: RPCAsyncSequence<BuildmanPb_LogMessageRequest, any Error>,
        response: RPCWriter<BuildmanPb_LogMessageResponse>, context: ServerContext
    ) async throws {
        do {
            try await LogStream(supervisor: supervisor, tokens: tokens, clock: clock).run(request, response)
        } catch { throw RPCStatus.render(error, during: "log", from: context.remotePeer, logger) }
    }

    func determineCachedTag(
        request: BuildmanPb_CachedTagRequest, context: ServerContext
    ) async throws -> BuildmanPb_CachedTag {
        do {
            let key = try await tokens.read(request.jobJwt, as: .job)
            guard try await supervisor.watches(key) else { throw Self.over(key) }
            let tag = try await cachedTags.find(for: key)
            return BuildmanPb_CachedTag(tag: tag ?? "")
        } catch { throw RPCStatus.render(error, during: "determine cached tag", from: context.remotePeer, logger) }
    }

    private func register(_ token: String, _ context: ServerContext) async throws -> BuildmanPb_BuildPack {
        let key = try await tokens.read(token, as: .registration)
        guard try await supervisor.watches(key) else { throw Self.over(key) }
        switch try await registration.register(key) {
        case .refused: throw Self.over(key)
        case .stolen:
            logger.error(
                "a second builder registered for a build at work; the attempt was ended",
                metadata: ["job": "\(key)", "peer": "\(context.remotePeer)"])
            try await supervisor.handle(.endedElsewhere, of: key)
            throw RPCStatus.Refused(reason: "a builder is at work already", key: key)
        case .job(let job):
            if job.isRepeated {
                logger.warning(
                    "a builder registered again before it was heard",
                    metadata: ["job": "\(key)", "peer": "\(context.remotePeer)"])
            }
            return try await start(job)
        }
    }

    private func start(_ job: BuildRegistration.Job) async throws -> BuildmanPb_BuildPack {
        let key = job.attempt.key
        guard try await supervisor.handle(.registered, of: key) else { throw Self.over(key) }
        let pack: BuildPack
        do { pack = try await assembly.pack(for: job) } catch {
            logger.error("a build pack can't be made", metadata: ["job": "\(key)", "error": "\(error)"])
            try await supervisor.handle(.executorEnded("its build pack can't be made"), of: key)
            throw RPCStatus.cannotStart
        }
        logger.info("builder registered", metadata: ["job": "\(key)"])
        return BuildmanPb_BuildPack(pack)
    }

    private static func over(_ key: JobKey) -> RPCStatus.Refused {
        RPCStatus.Refused(reason: "its attempt has ended, or never was", key: key)
    }
}
