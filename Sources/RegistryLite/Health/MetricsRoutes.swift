import Domain
import HTTPTypes
import Hummingbird
import Metrics
import NIOCore
import RegistryCore
import Secrets

/// The text of all metrics, as it is now.
struct MetricsText: Sendable {
    /// Where the parts of the program count.
    let factory: any MetricsFactory
    let contentType: String
    let text: @Sendable () -> String

    /// Answers with everything, after counting what is only known to the database.
    func respond(to request: Request, gauges: QueueGauges) async -> Response {
        guard request.method == .get || request.method == .head else {
            return Response(status: .methodNotAllowed, headers: [.allow: "GET, HEAD"])
        }
        await gauges.measure()
        let response = Response(
            status: .ok, headers: [.contentType: contentType, .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: text())))
        return request.method == .head ? response.createHeadResponse() : response
    }
}

/// `/metrics` on the public port: for this machine and for superusers.
///
/// A request that a proxy passed on comes from the proxy's machine whoever sent it: such a request needs a superuser.
struct MetricsRoutes: Sendable {
    let services: Registry
    let site: Site
    let metrics: MetricsText

    func respond(to request: Request, context: AppContext) async -> Response {
        guard request.uri.path == "/metrics" else {
            return APIError.plain("Not Found", status: .notFound, logger: context.logger)
        }
        if !Self.isLocal(peer: context.peerAddress, headers: request.headers) {
            do {
                _ = try await services.access.superuser(for: try await caller(of: request))
            } catch { return APIError.response(error, urls: site.urls, logger: context.logger) }
        }
        let gauges = QueueGauges(platform: services.platform, factory: metrics.factory)
        return await metrics.respond(to: request, gauges: gauges)
    }

    /// Whether the request was sent on this machine, as far as can be told.
    static func isLocal(peer: String?, headers: HTTPFields) -> Bool {
        guard let peer, peer == "::1" || peer.hasPrefix("127.") || peer.hasPrefix("::ffff:127.") else { return false }
        let marks = ["Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Via"]
        return marks.compactMap { HTTPField.Name($0) }.allSatisfy { headers[$0] == nil }
    }

    private func caller(of request: Request) async throws -> Caller {
        if let bearer = request.headers[.authorization].flatMap(BearerCredentials.token(inHeader:)) {
            return try await services.bearer.caller(token: bearer)
        }
        let cookies = SessionCookies(site: site, sessions: services.sessions)
        if case .signedIn(let signedIn) = try await cookies.session(of: request) { return signedIn.caller }
        return .anonymous
    }
}
