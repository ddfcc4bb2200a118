import Domain
import HTTPTypes
import Hummingbird
import RegistryCore

/// `GET /csrf_token`: what a browser asks for before its first change.
struct SessionRoutes: Sendable {
    let services: Registry
    let site: Site

    func respond(to request: Request, context: AppContext) async throws -> Response {
        guard request.method == .get else { return Response(status: .methodNotAllowed, headers: [.allow: "GET"]) }
        let cookies = SessionCookies(site: site, sessions: services.sessions)
        if let found = try await cookies.session(of: request) {
            return reply(found.session, headers: [:], context)
        }
        let started = try await services.sessions.begin()
        return reply(started.session, headers: [.setCookie: cookies.header(started)], context)
    }

    private func reply(_ session: Session, headers: HTTPFields, _ context: AppContext) -> Response {
        JSONReply.response(
            ["csrf_token": .string(session.csrfToken)], status: .ok, headers: headers, logger: context.logger)
    }
}
