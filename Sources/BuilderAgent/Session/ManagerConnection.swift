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
        /// For one answer before the build has begun.
        var dial: Duration = .seconds(10)
        /// For a manager that isn't there when the agent comes: as long as a restart takes.
        var arrival: Duration = .seconds(60)
        /// For one answer.
        var call: Duration = .seconds(15)
        /// For a manager that has gone away: it may restart, and then gives each build a fresh minute.
        var absence: Duration = .seconds(150)
        /// Between two tries, for the first time; see ``Backoff``.
        var pause: Duration = .milliseconds(250)
        /// Between two tries, at most: a manager that is back gives its builders a minute, and may give them less.
        var longestPause: Duration = .seconds(2)
        /// Between two heartbeats. Source: Quay 13.5.
        var heartbeat: Duration = .seconds(2)
        /// For the next line of a log: then its stream is closed until one comes. Proxies cut silent streams.
        var quietLog: Duration = .seconds(10)

        var backoff: Backoff { Backoff(first: pause, longest: longestPause) }
    }

    /// The manager says that this attempt is over: cancelled, lost, or taken over.
    struct Rejected: Error, Sendable, Hashable, CustomStringConvertible {
        let description: String
    }

    let stub: Stub
    let patience: Patience
    let clock: WallClock
    let logger: Logger

    /// Proves that the address and the TLS settings are right; waits for a manager that is starting.
    ///
    /// Throws ``BuildFailure``.
    func ping() async throws {
        do {
            let reply = try await persistently("reaching Buildman", for: patience.arrival) {
                try await stub.ping(.init(), options: options(patience.dial))
            }
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
            // Again only when no answer came: until the first heartbeat the same builder may register again.
            wire = try await persistently("registering", for: patience.arrival) {
                try await stub.registerBuildJob(
                    BuildmanPb_BuildJobArgs(registrationToken: token), options: options(patience.dial))
            }
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
        let reply: BuildmanPb_SetPhaseResponse
        do {
            reply = try await persistently("reporting a phase", for: patience.absence) {
                try await stub.setPhase(request, options: options(patience.call))
            }
        } catch let error as RPCError {
            if error.endsAttempt { throw Rejected(description: error.sentence) }
            throw BuildFailure(.phaseTransition, "reporting a phase: \(error.sentence)")
        }
        guard reply.success, reply.sequenceNumber == request.sequenceNumber else {
            throw Rejected(description: "The manager refused the phase \(request.phase).")
        }
    }

    /// Repeats `call` while the manager can't be reached, for `time` at most. Throws the last `RPCError`.
    private func persistently<Value>(
        _ what: String, for time: Duration, _ call: () async throws -> Value
    ) async throws -> Value {
        let deadline = ContinuousClock.now + time
        var backoff = patience.backoff
        while true {
            do { return try await call() } catch let error as RPCError {
                try Task.checkCancellation()
                guard error.isTransient, ContinuousClock.now < deadline else { throw error }
                logger.warning("\(what) failed, trying again", metadata: ["reason": "\(error.sentence)"])
                try await clock.sleep(for: backoff.next())
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
