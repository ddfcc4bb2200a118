import Foundation
package import Runtime
import WebRequests

/// Where keys come from, asked before each request: what was lent is asked for again before it ends.
package actor AWSCredentialSource {
    /// No keys were found, or the machine would not lend any; the sentence says what to do.
    package struct Unavailable: Error, Sendable, CustomStringConvertible {
        package let description: String
    }

    private enum Origin {
        case fixed(AWSCredentials)
        case machine(MachineCredentials)
    }

    /// Lent keys that end sooner than that are not used any more.
    private static let margin: TimeInterval = 300

    private let origin: Origin
    private let clock: WallClock
    private var lent: AWSCredentials?

    /// Keys that somebody wrote down.
    package init(_ credentials: AWSCredentials) {
        origin = .fixed(credentials)
        clock = .system
    }

    /// The machine's own: those of the environment, of the container's role, or of the instance's role.
    /// - Parameter environment: the process's; AWS_EC2_METADATA_SERVICE_ENDPOINT and the like are honoured.
    package init(environment: [String: String], clock: WallClock = .system) {
        origin = .machine(MachineCredentials(environment: environment))
        self.clock = clock
    }

    /// The keys to sign with now. Throws ``Unavailable``.
    func current() async throws -> AWSCredentials {
        switch origin {
        case .fixed(let credentials): return credentials
        case .machine(let machine):
            let now = clock.now
            if let lent, lent.expiresAt.map({ $0 > now + Self.margin }) ?? true { return lent }
            do {
                let fresh = try await machine.ask()
                lent = fresh
                return fresh
            } catch {
                // What still holds is used to its end: the lender may be back by then.
                if let lent, let end = lent.expiresAt, end > now { return lent }
                throw error
            }
        }
    }
}
