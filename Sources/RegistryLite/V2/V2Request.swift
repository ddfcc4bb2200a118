import Domain
import HTTPTypes
import Hummingbird
import NIOCore
import RegistryCore

/// One request below `/v2/` with what its handler needs.
struct V2Request: Sendable {
    let request: Request
    let context: AppContext
    let services: Registry
    let urls: URLs
    let caller: Caller
    let query: V2Query

    var method: HTTPRequest.Method { request.method }
    var body: RequestBody { request.body }
    /// The address that the usage log shows.
    var ip: String? { context.clientAddress }

    /// The announced length of the body; nil when it is streamed without one. Errors: `.sizeInvalid`.
    func contentLength() throws -> Int64? {
        guard let text = request.headers[.contentLength] else { return nil }
        guard let length = Int64(text), length >= 0 else {
            throw RegistryError(.sizeInvalid, "The Content-Length is not a number.")
        }
        return length
    }

    /// The proof that the caller may act in `name`.
    func access(_ name: RepositoryName, _ role: RepositoryRole) async throws -> RepositoryAccess {
        try await services.access.repository(name, role, for: caller)
    }

    /// The path of something in a repository, as it stands in `Location`: relative to the host that the client knows.
    static func location(_ name: RepositoryName, _ rest: String) -> String { "/v2/\(name)/\(rest)" }
}
