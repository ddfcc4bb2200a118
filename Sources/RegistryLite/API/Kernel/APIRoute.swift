import Domain
import HTTPTypes
import RegistryCore

/// One operation of `/api/v1` as a value: what it is called, who may call it, what it takes, and what answers.
///
/// The pipeline, the discovery document and the test of every route against every role all read the same values.
struct APIRoute: Sendable {
    typealias Handler = @Sendable (APIRequest) async throws -> JSONReply

    let method: HTTPRequest.Method
    /// As clients write it, from `/api/v1` on; `{name}` stands for one segment, `{repository}` for two or more.
    let path: String
    /// The name in the discovery document; unique.
    let operationID: String
    /// The group in the discovery document.
    let tag: String
    /// One sentence for the documentation.
    let summary: String
    let access: APIAccess
    var body: BodySchema?
    var query: [QueryParameter] = []
    /// All of them must be on, or the route does not exist.
    var features: [Feature] = []
    /// Not shown in the discovery document unless asked for.
    var isInternal = false
    /// A session must have given its password a short time ago.
    var needsFreshLogin = false
    /// The repository must take changes.
    var needsNormalState = false
    /// Open to callers who are not signed in even where FEATURE_ANONYMOUS_ACCESS is off.
    var isAnonymousAllowed = false
    /// For the one call that comes before anybody has a session.
    var needsCSRFToken = true
    var successStatus = 200
    /// Checks the access that the route declares, then does the work.
    let handler: Handler
}

/// Who may call a route. The scope is what an OAuth token must carry.
enum APIAccess: Sendable, Hashable {
    /// Anybody; the handler shows each caller what they may see.
    case everybody
    /// A signed-in user.
    case user(Scope)
    /// Somebody with a role in the `{repository}` of the path.
    case repository(RepositoryRole)
    /// Somebody with a right in the organization `{orgname}` of the path.
    case organization(NamespaceRight)
    /// Somebody who may create repositories, in a namespace that the body names.
    case createRepository
    case superuser

    /// The scope that an OAuth token needs; nil for none.
    var scope: Scope? {
        switch self {
        case .everybody: nil
        case .user(let scope): scope
        case .repository(.read): .repositoryRead
        case .repository(.write): .repositoryWrite
        case .repository(.admin): .repositoryAdmin
        case .organization: .organizationAdmin
        case .createRepository: .repositoryCreate
        case .superuser: .superuser
        }
    }
}

/// A parameter behind the question mark, for the discovery document.
struct QueryParameter: Sendable {
    enum Kind: String, Sendable { case string, boolean, integer }

    let name: String
    let kind: Kind
    let description: String

    init(_ name: String, _ kind: Kind, _ description: String) {
        self.name = name
        self.kind = kind
        self.description = description
    }
}

/// A switch of the configuration that routes depend on.
enum Feature: String, Sendable, Hashable, CaseIterable {
    case directLogin = "FEATURE_DIRECT_LOGIN"
    case userCreation = "FEATURE_USER_CREATION"
    case userInitialize = "FEATURE_USER_INITIALIZE"
    case buildSupport = "FEATURE_BUILD_SUPPORT"
    case superusers = "FEATURE_SUPER_USERS"
    case mailing = "FEATURE_MAILING"
    case appTokens = "FEATURE_APP_SPECIFIC_TOKENS"
    case logExport = "FEATURE_LOG_EXPORT"
    case aggregatedLogs = "FEATURE_AGGREGATED_LOG_COUNT_RETRIEVAL"
    case repositoryMirror = "FEATURE_REPO_MIRROR"
    case securityScanner = "FEATURE_SECURITY_SCANNER"
    case quotaManagement = "FEATURE_QUOTA_MANAGEMENT"
}

extension APIRoute {
    /// A route in a repository: its handler receives the proof that the caller holds `role` there.
    static func repository(
        _ method: HTTPRequest.Method, _ path: String, _ operationID: String, tag: String, _ summary: String,
        role: RepositoryRole, handler: @escaping @Sendable (APIRequest, RepositoryAccess) async throws -> JSONReply
    ) -> APIRoute {
        APIRoute(
            method: method, path: path, operationID: operationID, tag: tag, summary: summary, access: .repository(role)
        ) { request in
            try await handler(request, request.repositoryAccess(role))
        }
    }

    /// A route of a signed-in user's own things: its handler receives the proof that somebody is signed in.
    static func user(
        _ method: HTTPRequest.Method, _ path: String, _ operationID: String, tag: String, _ summary: String,
        scope: Scope, handler: @escaping @Sendable (APIRequest, UserAccess) async throws -> JSONReply
    ) -> APIRoute {
        APIRoute(
            method: method, path: path, operationID: operationID, tag: tag, summary: summary, access: .user(scope)
        ) { request in
            try await handler(request, request.services.access.user(scope, for: request.caller))
        }
    }

    /// A route in an organization: its handler receives the proof that the caller holds `right` there.
    static func organization(
        _ method: HTTPRequest.Method, _ path: String, _ operationID: String, tag: String, _ summary: String,
        right: NamespaceRight, handler: @escaping @Sendable (APIRequest, NamespaceAccess) async throws -> JSONReply
    ) -> APIRoute {
        APIRoute(
            method: method, path: path, operationID: operationID, tag: tag, summary: summary,
            access: .organization(right)
        ) { request in
            try await handler(request, request.organizationAccess(right))
        }
    }

    /// A route of those who administer the registry: its handler receives the proof that the caller is one of them.
    static func superuser(
        _ method: HTTPRequest.Method, _ path: String, _ operationID: String, tag: String, _ summary: String,
        handler: @escaping @Sendable (APIRequest, SuperuserAccess) async throws -> JSONReply
    ) -> APIRoute {
        APIRoute(
            method: method, path: path, operationID: operationID, tag: tag, summary: summary, access: .superuser,
            features: [.superusers]
        ) { request in
            try await handler(request, request.services.access.superuser(for: request.caller))
        }
    }

    /// A route that anybody may call; its handler decides what each caller sees.
    static func everybody(
        _ method: HTTPRequest.Method, _ path: String, _ operationID: String, tag: String, _ summary: String,
        handler: @escaping Handler
    ) -> APIRoute {
        APIRoute(
            method: method, path: path, operationID: operationID, tag: tag, summary: summary, access: .everybody,
            handler: handler)
    }

    /// The same route with something changed, so that a declaration reads top down.
    func with(_ change: (inout APIRoute) -> Void) -> APIRoute {
        var route = self
        change(&route)
        return route
    }
}
