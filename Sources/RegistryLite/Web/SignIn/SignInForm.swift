import Domain
import HTTPTypes
import Hummingbird
import RegistryCore

/// What the sign-in page and the sign-out button do.
struct SignInForm: Sendable {
    /// No form of these pages is larger, in bytes.
    private static let maximumBodyBytes = 16_384

    let pages: WebPages

    func show(_ request: Request, _ visit: Visit) async throws -> Response {
        let next = QueryValues(request.uri.query)["next"].flatMap(ReturnPath.init) ?? .home
        if case .signedIn = visit.session { return PageReply.redirect(to: next) }
        return try await form(next, visit)
    }

    func submit(_ request: Request, _ visit: Visit, from clientAddress: String?) async throws -> Response {
        let fields = try await fields(of: request)
        let next = fields["next"].flatMap(ReturnPath.init) ?? .home
        let username = fields["username"] ?? ""
        guard CSRF.allows(.post, token: fields[CSRF.parameter], session: visit.session?.session) else {
            return try await form(
                next, visit, username, "The form was open for too long. Please try again.", status: .forbidden)
        }
        guard !username.hasPrefix("$"), !username.contains("+") else {
            return try await form(
                next, visit, username, "Robot accounts and tokens can't sign in here: they are for docker login.",
                status: .forbidden)
        }
        do {
            let origin = SignInOrigin(.site, ip: clientAddress, userAgent: request.headers[.userAgent])
            let account = try await pages.services.signIn.verify(
                username, password: fields["password"] ?? "", from: origin)
            let started = try await pages.services.sessions.signIn(account, replacing: visit.session?.session)
            try await pages.services.signIn.log(signInOf: account.id, name: account.name, from: origin)
            return PageReply.redirect(to: next, headers: [.setCookie: pages.cookies.header(started)])
        } catch let error as RegistryError {
            guard let text = SignInPage.failure(for: error) else { throw error }
            let isThrottled = error.kind == .throttled
            var response = try await form(
                next, visit, username, text, status: isThrottled ? .tooManyRequests : .forbidden)
            if isThrottled { response.headers[.retryAfter] = error.details["retry_after"] }
            return response
        }
    }

    /// Ends every session of the visitor. Source: Quay 1.11, signout.
    func signOut(_ request: Request, _ visit: Visit) async throws -> Response {
        guard case .signedIn(let signedIn) = visit.session else { return PageReply.redirect(to: .home) }
        guard CSRF.allows(.post, token: try await fields(of: request)[CSRF.parameter], session: signedIn.session)
        else { throw RegistryError(.forbidden, CSRF.refusal) }
        try await pages.services.sessions.signOutEverywhere(signedIn)
        return PageReply.redirect(to: .home, headers: [.setCookie: pages.cookies.forgetting])
    }

    /// The form needs a session for its token: a visitor without one gets it here.
    private func form(
        _ next: ReturnPath, _ visit: Visit, _ username: String = "", _ failure: String? = nil,
        status: HTTPResponse.Status = .ok
    ) async throws -> Response {
        var cookie: String?
        var session = visit.session?.session
        if session == nil {
            let started = try await pages.services.sessions.begin()
            cookie = pages.cookies.header(started)
            session = started.session
        }
        let page = SignInPage(
            site: pages.site, next: next, csrfToken: session?.csrfToken ?? "", username: username, failure: failure)
        var response = pages.draw(.signIn, page, visit, title: "Sign in", status: status)
        response.headers[.cacheControl] = "no-store"
        if let cookie { response.headers[.setCookie] = cookie }
        return response
    }

    private func fields(of request: Request) async throws -> QueryValues {
        guard request.headers[.contentType]?.lowercased().hasPrefix("application/x-www-form-urlencoded") == true else {
            throw RegistryError(.invalidRequest, "A form must be sent as application/x-www-form-urlencoded.")
        }
        let body = try await request.body.collect(upTo: Self.maximumBodyBytes)
        return QueryValues(String(buffer: body))
    }
}
