import Domain
import Foundation
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import RegistryCore

/// The pages for people: finds the page of a path, lets it load, draws it, and draws an error page when that fails.
struct WebPages: Sendable {
    let services: Registry
    let site: WebSite
    let isOpenToAnonymous: Bool
    /// FEATURE_DIRECT_LOGIN: there is a sign-in form.
    let hasSignInForm: Bool
    let cookies: SessionCookies
    let renderer: PageRenderer
    let staticFiles: StaticFiles

    /// Reads the templates and static files. Errors: when any of them is missing or malformed, which stops the start.
    init(services: Registry, site: Site, share: ShareFolder) throws {
        self.services = services
        cookies = SessionCookies(site: site, sessions: services.sessions)
        isOpenToAnonymous = site.anonymousAccess
        hasSignInForm = site.isOn(.directLogin)
        renderer = try PageRenderer(templates: share.templates)
        staticFiles = try StaticFiles(folder: share.staticFiles)
        self.site = WebSite(
            title: site.title, hostname: site.urls.hostname, staticRoot: staticFiles.root,
            hasBuilds: site.isOn(.buildSupport))
    }

    /// Answers every request with a page, a file or a redirection; never throws.
    func respond(to request: Request, context: AppContext) async -> Response {
        var visit = Visit(visitor: Visitor(theme: Self.theme(request), path: request.uri.string), session: nil)
        let response: Response
        do {
            guard let path = request.uri.path.removingPercentEncoding, let address = WebAddress(path) else {
                visit = try await self.visit(request)
                throw RegistryError(.notFound, "Not Found")
            }
            if case .staticFile(let name) = address {
                response = try file(name, request)
            } else {
                visit = try await self.visit(request)
                response = try await answer(address, request, visit, context)
            }
        } catch {
            response = self.response(for: error, visit, context)
        }
        return request.method == .head ? response.createHeadResponse() : response
    }

    private func answer(
        _ address: WebAddress, _ request: Request, _ visit: Visit, _ context: AppContext
    ) async throws -> Response {
        switch address {
        case .signIn where !hasSignInForm: throw RegistryError(.notFound, "Not Found")
        case .build where !site.hasBuilds, .buildLog where !site.hasBuilds:
            throw RegistryError(.notFound, "Not Found")
        default: break
        }
        switch (address, request.method) {
        case (.signIn, .post):
            return try await SignInForm(pages: self).submit(request, visit, from: context.clientAddress)
        case (.signOut, .post): return try await SignInForm(pages: self).signOut(request, visit)
        case (.signOut, _): return notAllowed("POST", visit, context)
        case (_, .get), (_, .head): break
        default: return notAllowed("GET, HEAD", visit, context)
        }
        if case .signIn = address { return try await SignInForm(pages: self).show(request, visit) }
        if case .repository(let name) = address, let badge = try await badge(name, request, visit) { return badge }
        guard isOpenToAnonymous || !visit.caller.isAnonymous else {
            throw RegistryError(.unauthenticated, "Requires authentication")
        }
        let query = QueryValues(request.uri.query)
        switch address {
        case .repositories:
            return draw(.repositoryList, try await RepositoryListPage.load(self, visit), visit, title: "")
        case .repository(let name):
            return try await repository(name, query, visit)
        case .build(let name, let uuid):
            let page = try await BuildPage.load(self, visit, name, uuid, start: query.integer("start"))
            return draw(
                .build, page, visit, title: "Build \(page.shortID) · \(name)",
                script: page.log == nil ? nil : "build")
        case .buildLog(let name, let uuid):
            return try await BuildLogText(pages: self).respond(name, uuid, visit)
        case .signIn, .signOut, .staticFile:
            throw RegistryError(.notFound, "Not Found")
        }
    }

    /// The badge of the repository whose name has `/status` behind it, unless a repository of the whole name is there for
    /// the visitor.
    private func badge(_ name: RepositoryName, _ request: Request, _ visit: Visit) async throws -> Response? {
        guard site.hasBuilds, name.text.hasSuffix("/status"),
            let short = try? RepositoryName(String(name.text.dropLast("/status".count))), short.text.contains("/")
        else { return nil }
        do {
            _ = try await services.access.repository(name, .read, for: visit.caller)
            return nil
        } catch is RegistryError {
            let token = QueryValues(request.uri.query)["token"]
            guard let state = try await services.builds.badge(of: short, token: token) else {
                throw RegistryError(.notFound, "Not Found")
            }
            return BuildBadge(state: state).response(ifNoneMatch: request.headers[.ifNoneMatch])
        }
    }

    private func repository(_ name: RepositoryName, _ query: QueryValues, _ visit: Visit) async throws -> Response {
        let access = try await services.access.repository(name, .read, for: visit.caller)
        let wanted = query["tab"].flatMap(RepositoryHeader.Tab.init(rawValue:)) ?? .information
        if wanted == .builds, RepositoryHeader.tabs(for: access.role, hasBuilds: site.hasBuilds).contains(.builds) {
            let filter = query["since"].flatMap(BuildListPage.Filter.init(rawValue:)) ?? .recent
            let page = try await BuildListPage.load(self, access, filter)
            return draw(.buildList, page, visit, title: "Builds · \(name)", script: "builds")
        }
        return draw(
            .repository, RepositoryPage(access.repository, role: access.role, site: site), visit, title: name.text)
    }

    func draw(
        _ page: PageRenderer.Page, _ model: some Sendable, _ visit: Visit, title: String, script: String? = nil,
        status: HTTPResponse.Status = .ok
    ) -> Response {
        let layout = Layout(site: site, visitor: visit.visitor, pageTitle: title, script: script)
        return PageReply.html(
            renderer.html(page, model, layout: layout), status: status, isPersonal: visit.visitor.username != nil)
    }

    private func file(_ name: String, _ request: Request) throws -> Response {
        guard [.get, .head].contains(request.method), let answer = staticFiles.answer(for: name) else {
            throw RegistryError(.notFound, "Not Found")
        }
        return PageReply.file(answer, ifNoneMatch: request.headers[.ifNoneMatch])
    }

    private func response(for error: any Error, _ visit: Visit, _ context: AppContext) -> Response {
        let page = ErrorPage(error, isSignedIn: visit.visitor.username != nil, requestID: "\(context.id)")
        if page.status >= 500 {
            context.logger.error("A page failed: \(error)", metadata: ["path": "\(visit.visitor.path)"])
        }
        // A page has no use for a challenge, and 401 without one is not HTTP.
        let status = page.status == 401 ? 403 : page.status
        return draw(.error, page, visit, title: page.heading, status: HTTPResponse.Status(code: status))
    }

    private func notAllowed(_ methods: String, _ visit: Visit, _ context: AppContext) -> Response {
        let page = ErrorPage(status: 405, isSignedIn: visit.visitor.username != nil, requestID: "\(context.id)")
        var response = draw(.error, page, visit, title: page.heading, status: .methodNotAllowed)
        response.headers[.allow] = methods
        return response
    }
}

/// One request for a page: who looks, and with which session.
struct Visit: Sendable {
    let visitor: Visitor
    let session: SessionService.Found?

    var caller: Caller {
        if case .signedIn(let signedIn) = session { return signedIn.caller }
        return .anonymous
    }
}

extension WebPages {
    private func visit(_ request: Request) async throws -> Visit {
        let session = try await cookies.session(of: request)
        var username: String?
        if case .signedIn(let signedIn) = session { username = signedIn.account.name }
        return Visit(
            visitor: Visitor(
                username: username, csrfToken: username == nil ? nil : session?.session.csrfToken,
                theme: Self.theme(request), path: request.uri.string), session: session)
    }

    private static func theme(_ request: Request) -> Layout.Theme {
        request.cookies[Layout.Theme.cookieName].flatMap { Layout.Theme(rawValue: $0.value) } ?? .device
    }
}
