import HTTPTypes
import Hummingbird
import Logging
import NIOCore

/// Hands each request to the part of the site that the first segment of its path names.
///
/// `/v2/…`, `/api/…` and the pages have little in common: each part matches the rest of the path in its own way.
struct SiteResponder: HTTPResponder {
    typealias Context = AppContext
    typealias Handler = @Sendable (Request, AppContext) async throws -> Response

    /// The parts by the first segment of their paths.
    var parts: [String: Handler]
    /// Everything else: the pages.
    let otherwise: Handler
    /// Counts what was answered, where anybody wants to know.
    var metrics: RequestMetrics?

    func respond(to request: Request, context: AppContext) async throws -> Response {
        let first = request.uri.path.split(separator: "/", maxSplits: 1).first.map(String.init) ?? ""
        let start = ContinuousClock.now
        let part = parts[first]
        let response = await answer(request, context, part ?? otherwise)
        metrics?.answered(
            request.method, group: part == nil ? "web" : first, status: response.status.code,
            after: ContinuousClock.now - start)
        return response
    }

    private func answer(_ request: Request, _ context: AppContext, _ handler: Handler) async -> Response {
        do {
            return try await handler(request, context)
        } catch {
            // Each part renders its own errors: what arrives here was not foreseen.
            context.logger.error("\(request.method) \(request.uri.path) failed: \(error)")
            return Response(status: .internalServerError)
        }
    }
}
