import BuildProtocol
import Domain
import GRPCCore
import GRPCNIOTransportHTTP2
import Logging
import Runtime

/// The calls of an agent to its manager, with their time-outs and the patience for a manager that restarts.
struct ManagerConnection: Sendable {
    typealias Stub = BuildmanPb_BuildManager.Client<HTTP2ClientTransport.Posix>

    /// How long to wait for what.
    struct Patience: Sendable, Hashable {
        /// For the first answer.
        var dial: Duration = .seconds(10)
        /// For one answer.
        var call: Duration = .seconds(15)
        /// For a manager that has gone away: it may restart, and then gives each build a fresh minute.
        var absence: Duration = .seconds(150)
        /// Between two tries.
        var pause: Duration = .seconds(1)
        /// Between two heartbeats. Source: Quay 13.5.
        var heartbeat: Duration = .seconds(2)
    }

    /// The manager says that this attempt is over: cancelled, lost, or taken over.
    struct Rejected: Error, Sendable, Hashable, CustomStringConvertible {
        let description: String
    }

    let stub: Stub
    let patience: Patience
    let clock: WallClock
    let logger: Logger

    /// Proves that the address and the TLS settings are right. Throws ``BuildFailure``.
    func ping() async throws {
        do {
            let reply = try await stub.ping(.init(), options: options(patience.dial))
            guard reply.reply == "pong" else {
                throw BuildFailure(.internalError, "The server answered a ping with something strange.")
            }
        } catch let error as RPCError {
            throw BuildFailure(.internalError, "Buildman can't be reached: \(error.sentence)")
        }
    }

    /// Trades the registration token for the build pack. Throws ``Rejected``, or ``BuildFailure``.
    func register(token: BuildSecret) async throws -> BuildPack {
        let wire: BuildmanPb_BuildPack
        do {
            // Tried once: a second registration could look like a stolen token.
            wire = try await stub.registerBuildJob(
                BuildmanPb_BuildJobArgs(registrationToken: token), options: options(patience.dial))
        } catch let error as RPCError {
            if error.endsAttempt { throw Rejected(description: "The registration was refused: \(error.sentence)") }
            throw BuildFailure(.internalError, "The registration failed: \(error.sentence)")
        }
        do { return try BuildPack(wire: wire) } catch {
            throw BuildFailure(.missingOrInvalidArgument, error.description)
        }
    }

    /// Sends one phase, for as long as it takes a manager to come back.
    ///
    /// Throws ``Rejected`` when it was refused, or ``BuildFailure`` when nobody answered.
    func setPhase(_ request: BuildmanPb_SetPhaseRequest) async throws {
        let reply = try await persistently("reporting a phase") {
            try await stub.setPhase(request, options: options(patience.call))
        }
        guard reply.success, reply.sequenceNumber == request.sequenceNumber else {
            throw Rejected(description: "The manager refused the phase \(request.phase).")
        }
    }

    /// Repeats `call` while the manager can't be reached.
    private func persistently<Value>(_ what: String, _ call: () async throws -> Value) async throws -> Value {
        let deadline = ContinuousClock.now + patience.absence
        while true {
            do { return try await call() } catch let error as RPCError {
                try Task.checkCancellation()
                if error.endsAttempt { throw Rejected(description: error.sentence) }
                guard error.isTransient, ContinuousClock.now < deadline else {
                    throw BuildFailure(.phaseTransition, "\(what): \(error.sentence)")
                }
                logger.warning("\(what) failed, trying again", metadata: ["reason": "\(error.sentence)"])
                try await clock.sleep(for: patience.pause)
            }
        }
    }

    private func options(_ timeout: Duration) -> CallOptions {
        var options = CallOptions.defaults
        options.timeout = timeout
        options.waitForReady = true
        return options
    }
}

extension RPCError {
    /// The manager knows the caller's attempt no more, or never did.
    var endsAttempt: Bool { code == .unauthenticated || code == .permissionDenied || code == .notFound }

    /// The same call may succeed once the manager is back.
    var isTransient: Bool {
        switch code {
        case .unavailable, .deadlineExceeded, .aborted, .unknown, .internalError, .resourceExhausted, .cancelled: true
        default: false
        }
    }

    /// Code and message on one line.
    var sentence: String { message.isEmpty ? "\(code)" : "\(code): \(message.replacing("\n", with: " "))" }
}
