import Domain
import GRPCCore
import Logging
import RegistryCore
import SQL

/// Turns what went wrong into what an agent is told: one renderer, as every edge has one.
enum RPCStatus {
    /// The token is genuine, and what it names is not there any more. Agents hear the same as for a forged one.
    struct Refused: Error, Sendable {
        /// For the log only.
        let reason: String
        let key: JobKey
    }

    static let badToken = RPCError(code: .unauthenticated, message: "The token is not valid for this call.")
    static let cannotStart = RPCError(code: .internalError, message: "The build can't be started.")

    /// Logs `error` once, and answers what the agent gets to see of it.
    /// - Parameter peer: the address that the call came from.
    static func render(
        _ error: any Error, during step: StaticString, from peer: String, _ logger: Logger
    ) -> RPCError {
        switch error {
        case let error as RPCError: return error
        case let error as JobTokens.Refused:
            logger.notice(
                "an agent was refused", metadata: ["step": "\(step)", "reason": "\(error.reason)", "peer": "\(peer)"])
            return badToken
        case let error as Refused:
            logger.notice(
                "an agent was refused",
                metadata: [
                    "step": "\(step)", "reason": "\(error.reason)", "job": "\(error.key)", "peer": "\(peer)",
                ])
            return badToken
        case let error as DatabaseError where error.kind != .decoding && error.kind != .statement:
            logger.error("the database failed an agent", metadata: ["step": "\(step)", "error": "\(error)"])
            return RPCError(code: .unavailable, message: "The build manager can't store this now; try again.")
        case is CancellationError:
            return RPCError(code: .unavailable, message: "The build manager is stopping.")
        default:
            logger.error("an agent's call failed", metadata: ["step": "\(step)", "error": "\(error)"])
            return RPCError(code: .internalError, message: "The build manager had an internal error.")
        }
    }
}
