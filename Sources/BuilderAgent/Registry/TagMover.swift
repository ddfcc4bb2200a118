import Domain
import Foundation
import OCI
import Runtime
import WebRequests

/// Points a build's tags at an image that is in the registry already, in one request: all of them move, or none.
struct TagMover: Sendable {
    /// How often a request is tried while the registry can't be reached or is in trouble, and the pause between.
    private static let attempts = 5
    private static let pause = Duration.seconds(2)

    let registry: BuildRegistry
    private let client = WebClient(addresses: .any, trust: AgentTrust.trust(), userAgent: "BuilderAgent")
    private let clock: WallClock

    init(registry: BuildRegistry, clock: WallClock = .system) {
        self.registry = registry
        self.clock = clock
    }

    /// Throws ``BuildFailure``, also for an attempt that has ended meanwhile.
    func move(_ tags: [TagName], to digest: Digest) async throws {
        let address = "\(base)/v2/\(registry.repository.text)/manifests/\(digest.text)"
        let accepted = [MediaType.ociImage, .ociIndex, .dockerImage, .dockerList].map(\.text)
        let read = WebRequest(.get, address, headers: ["Accept": accepted.joined(separator: ", ")])
        let manifest = try await perform(read, as: nil)
        // A public repository answers without credentials, a private one asks for them: the write always needs them.
        var write = WebRequest(
            .put, "\(address)?\(tags.map { "tag=\($0.text)" }.joined(separator: "&"))",
            headers: ["Content-Type": manifest.response.headers["Content-Type"] ?? MediaType.ociImage.text])
        write.body = .bytes(manifest.response.body)
        _ = try await perform(write, as: manifest.token)
    }

    private var base: String { "\(registry.isInsecure ? "http" : "https")://\(registry.host)" }

    /// The answer to `request`, with the token that it took, if any.
    private func perform(
        _ request: WebRequest, as token: String?
    ) async throws -> (response: WebResponse, token: String?) {
        var request = request
        request.redirects = .none
        var token = token
        var isChallenged = false
        var attempt = 1
        while true {
            if let token { request.authorize(bearer: token) }
            do {
                let response = try await client.send(request)
                if response.status == 401, !isChallenged {
                    isChallenged = true
                    token = try await self.token(for: response)
                    continue
                }
                return (try response.requiringSuccess(), token)
            } catch let error as WebError {
                guard attempt < Self.attempts, error.mayPass else {
                    throw BuildFailure(.tagIssue, error.description)
                }
            }
            attempt += 1
            try await clock.sleep(for: Self.pause)
        }
    }

    private func token(for response: WebResponse) async throws -> String {
        guard let challenge = BearerChallenge(response.headers["WWW-Authenticate"] ?? "") else {
            throw BuildFailure(.tagIssue, "The registry asks for credentials in an unknown way.")
        }
        let scope = "repository:\(registry.repository.text):pull,push"
        var request = WebRequest(.get, challenge.address(scope: scope))
        request.redirects = .none
        request.authorize(user: BuildRegistry.tokenUser, password: registry.pushToken.text)
        struct Answer: Decodable { let token: String }
        let answer = try await client.send(request).requiringSuccess()
        do { return try JSONDecoder().decode(Answer.self, from: Data(answer.body)).token } catch {
            throw BuildFailure(.tagIssue, "The registry gave no token.")
        }
    }
}

extension WebError {
    /// Whether the same request may succeed a little later: the registry restarts, or a connection broke.
    fileprivate var mayPass: Bool {
        switch self {
        case .unreachable, .timedOut, .interrupted: true
        case .unexpectedStatus(let status, _, _): status >= 500
        default: false
        }
    }
}
