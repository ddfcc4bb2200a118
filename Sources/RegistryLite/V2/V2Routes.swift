import Domain
import HTTPTypes
import Hummingbird
import Logging
import RegistryCore

/// `/v2/…`: the OCI distribution API.
struct V2Routes: Sendable {
    let services: Registry
    let urls: URLs

    func respond(to request: Request, context: AppContext) async -> Response {
        var path: V2Path?
        var response: Response
        do {
            let parsed = try V2Path(request.uri.path, library: services.site.library)
            path = parsed
            context.notes.name(parsed.template)
            response = try await route(ContinuingBody.answering(request, on: context.channel), parsed, context)
        } catch {
            response = V2Error.response(error, logger: context.logger)
            if response.status == .unauthorized, response.headers[.wwwAuthenticate] == nil {
                response.headers[.wwwAuthenticate] = challenge(path, request.method, error).header
            }
            if response.status == .methodNotAllowed, let path {
                response.headers[.allow] = path.methods.map(\.rawValue).joined(separator: ", ")
            }
            // A client that still waits for "100 Continue" never sends the body of a request that was refused.
            if request.headers[.expect] != nil { response.headers[.connection] = "close" }
        }
        response.headers[.dockerDistributionVersion] = "registry/2.0"
        response.headers[.xContentTypeOptions] = "nosniff"
        return request.method == .head ? response.createHeadResponse() : response
    }

    private func challenge(_ path: V2Path?, _ method: HTTPRequest.Method, _ error: any Error) -> Challenge {
        var scopes: [Challenge.Scope] = []
        if let path, let name = path.repository {
            scopes.append(.init(repository: name, role: path.role(for: method)))
        }
        if let missing = error as? MissingScope { scopes.append(.init(repository: missing.repository, role: .read)) }
        return Challenge(urls: urls, scopes: scopes)
    }

    private func route(_ request: Request, _ path: V2Path, _ context: AppContext) async throws -> Response {
        guard path.methods.contains(request.method) else { throw Self.wrongMethod }
        // A client puts the host before the name, and the two together have a limit. Source: OCI distribution 1.1.
        if let name = path.repository, urls.hostname.utf8.count + 1 + name.text.utf8.count > 255 {
            throw RegistryError(.nameInvalid, "Host and repository name together have more than 255 characters.")
        }
        if path == .token {
            return try await RegistryTokenRoutes(services: services, urls: urls).respond(to: request, context: context)
        }
        let caller = try await caller(of: request, path)
        context.notes.name(caller)
        let request = V2Request(
            request: request, context: context, services: services, urls: urls, caller: caller,
            query: try V2Query(request.uri.query))
        switch path {
        case .root: return root(request)
        case .blob(let name, let digest): return try await BlobRoutes.respond(to: request, name, digest)
        case .uploads(let name): return try await BlobUploadRoutes.begin(request, name)
        case .upload(let name, let uuid): return try await BlobUploadRoutes.respond(to: request, name, uuid)
        case .manifest(let name, let reference):
            return try await ManifestRoutes.respond(to: request, name, reference)
        case .tags(let name): return try await TagListRoutes.respond(to: request, name)
        case .referrers(let name, let digest): return try await ReferrersRoutes.respond(to: request, name, digest)
        case .catalog: return try await CatalogRoutes.respond(to: request)
        case .token: throw V2Path.Malformed.unknown
        }
    }

    /// Only registry tokens are read here: no cookies, no passwords. Without one the caller is anonymous.
    private func caller(of request: Request, _ path: V2Path) async throws -> Caller {
        guard let header = request.headers[.authorization] else {
            // The question whether one is signed in; and without anonymous access there is nothing to look at.
            guard path != .root, services.site.anonymousAccess else {
                throw RegistryError(.unauthenticated, "Requires authentication")
            }
            return .anonymous
        }
        let parts = header.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer" else {
            throw RegistryError(.badCredentials, "Only a bearer token from /v2/auth is accepted here.")
        }
        return try await services.registryTokenVerifier.caller(
            token: parts[1].trimmingPrefix { $0 == " " }.description)
    }

    private func root(_ request: V2Request) -> Response {
        Response(
            status: .ok, headers: [.contentType: "application/json"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: "true")))
    }

    static var wrongMethod: RegistryError { RegistryError(.unsupported, "This method is not supported here.") }
}
