import BuildProtocol
import Domain
import Foundation
import GRPCCore
import Logging
import Runtime
import Telemetry
import UnixSignals

/// One build, then the end. Exit codes: 0 complete, 1 failed or lost, 3 ended by the manager, 78 bad environment.
@main
enum BuilderAgentMain {
    static func main() async {
        LogFormat.text.bootstrap(level: .info)
        let logger = Logger(label: "BuilderAgent")
        let environment = ProcessInfo.processInfo.environment
        let configuration: AgentConfiguration
        do { configuration = try AgentConfiguration(environment: environment) } catch {
            for sentence in error.sentences { logger.critical("\(sentence)") }
            exit(78)
        }
        let ending = await withStopSignals(logger) { await run(configuration, environment, logger) }
        exit(code(of: ending, logger))
    }

    private static func run(
        _ configuration: AgentConfiguration, _ environment: [String: String], _ logger: Logger
    ) async -> BuildSession.Ending {
        logger.info(
            "starting",
            metadata: ["server": "\(configuration.server)", "runtime": "\(configuration.runtime.rawValue)"])
        let temporary = environment["TMPDIR"].flatMap { $0.isEmpty ? nil : $0 } ?? "/var/tmp"
        let runner = CommandRunner()
        let factory = RuntimeFactory(configuration: configuration, runner: runner, logger: logger)
        do {
            let transport = try ManagerTransport.make(configuration.server, configuration.transport)
            return try await withGRPCClient(transport: transport) { client in
                let session = BuildSession(
                    manager: ManagerConnection(
                        stub: BuildmanPb_BuildManager.Client(wrapping: client), patience: .init(), clock: .system,
                        logger: logger),
                    token: configuration.token,
                    environment: AgentConfiguration.childEnvironment(
                        environment, home: temporary, temporary: temporary),
                    temporary: temporary, runner: runner, logger: logger,
                    makeRuntime: { try factory.make(for: $0, in: $1, environment: $2) })
                return await session.run()
            }
        } catch { return .abandoned("The connection to Buildman could not be set up: \(error)") }
    }

    /// Runs `body` in a task that SIGTERM and SIGINT cancel.
    private static func withStopSignals(
        _ logger: Logger, _ body: @Sendable @escaping () async -> BuildSession.Ending
    ) async -> BuildSession.Ending {
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint)
        return await withTaskGroup(of: BuildSession.Ending?.self) { group in
            group.addTask { await body() }
            group.addTask {
                for await signal in signals {
                    logger.notice("stopping", metadata: ["signal": "\(signal)"])
                    break
                }
                return nil
            }
            var ending: BuildSession.Ending?
            for await result in group {
                ending = result ?? ending
                // Either the build has ended, or a signal came: the other one has no purpose any more.
                group.cancelAll()
            }
            return ending ?? .abandoned("The agent was told to stop.")
        }
    }

    private static func code(of ending: BuildSession.Ending, _ logger: Logger) -> Int32 {
        switch ending {
        case .complete:
            logger.info("the build is complete")
            return 0
        case .failed(let failure):
            logger.error(
                "the build failed", metadata: ["code": "\(failure.code.rawValue)", "reason": "\(failure.message)"])
            return 1
        case .rejected(let reason):
            logger.notice("the manager ended the build", metadata: ["reason": "\(reason)"])
            return 3
        case .abandoned(let reason):
            logger.error("the build was given up", metadata: ["reason": "\(reason)"])
            return 1
        }
    }
}
