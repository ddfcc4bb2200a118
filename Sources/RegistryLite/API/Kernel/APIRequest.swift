import Domain
import Foundation
import HTTPTypes
import Hummingbird
import RegistryCore
import Secrets

/// What a route's handler is given: who calls, the parts of the path, the query and the validated body.
struct APIRequest: Sendable {
    let services: Registry
    let site: Site
    /// Seals the cursors of paged lists.
    let pages: PageTokens
    let route: APIRoute
    let caller: Caller
    /// The browser session that came along, signed in or not; nil for a request with a bearer token.
    let session: SessionService.Found?
    let path: [String: String]
    let query: QueryValues
    /// Validated by the route's schema; `{}` for a route without one.
    let body: JSONValue
    /// The address of the client, for the usage log.
    let clientAddress: String?
    let userAgent: String?

    /// From where the client tries to sign in.
    var signInOrigin: SignInOrigin { SignInOrigin(.site, ip: clientAddress, userAgent: userAgent) }

    /// A part of the path. Errors: `.internalError` when the route's path does not name it.
    func parameter(_ name: String) throws -> String {
        guard let value = path[name] else {
            throw RegistryError(.internalError, "Route \(route.operationID) has no parameter \(name).")
        }
        return value
    }

    /// The `{repository}` of the path. Errors: `.notFound` for a name that no repository can have.
    func repositoryName() throws -> RepositoryName {
        do { return try RepositoryName(try parameter("repository")) } catch is RepositoryName.Malformed {
            throw RegistryError(.notFound, "Not Found")
        }
    }

    /// A username in the path. Errors: `.notFound` for a name that nobody can have.
    func username(_ name: String) throws -> Username {
        do { return try Username(try parameter(name)) } catch is Username.Malformed {
            throw RegistryError(.notFound, "Not Found")
        }
    }

    /// The proof for the `{repository}` of the path; where the route demands it, also that the repository takes changes.
    func repositoryAccess(_ role: RepositoryRole) async throws -> RepositoryAccess {
        let access = try await services.access.repository(repositoryName(), role, for: caller)
        if route.needsNormalState, access.repository.state != .normal {
            throw RegistryError(
                .readOnly, "Repository is in read only or mirror mode: \(access.repository.state.label)")
        }
        return access
    }

    /// The proof for the organization `{orgname}` of the path. Errors: `.notFound` for a user's namespace.
    func organizationAccess(_ right: NamespaceRight) async throws -> NamespaceAccess {
        guard caller.isAnonymous || caller.scopes.contains(.organizationAdmin) else {
            throw RegistryError(.forbidden, "Unauthorized")
        }
        let access = try await services.access.namespace(username("orgname"), right, for: caller)
        guard access.namespace.isOrganization else { throw RegistryError(.notFound, "Not Found") }
        return access
    }

    /// The proof that a signed-in user administers their own namespace.
    func ownNamespace(_ user: UserAccess) async throws -> NamespaceAccess {
        try await services.access.namespace(user.name, .administer, for: caller)
    }
}

/// The values behind the question mark, decoded; the first of a name counts.
struct QueryValues: Sendable, Hashable {
    private let values: [String: [String]]

    init(_ query: String?) {
        var values: [String: [String]] = [:]
        for pair in (query ?? "").split(separator: "&") {
            let halves = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let decoded = halves.map {
                let text = $0.replacingOccurrences(of: "+", with: " ")
                return text.removingPercentEncoding ?? text
            }
            values[decoded[0], default: []].append(decoded.count > 1 ? decoded[1] : "")
        }
        self.values = values
    }

    subscript(name: String) -> String? { values[name]?.first }

    /// Every value of a name, in order.
    func all(_ name: String) -> [String] { values[name] ?? [] }

    /// True unless the value is one of the words for no. Source: Quay, boolean query parameters.
    func bool(_ name: String, default fallback: Bool = false) -> Bool {
        guard let value = self[name] else { return fallback }
        return !["false", "False", "FALSE", "0", "null", ""].contains(value)
    }

    /// Errors: `.invalidRequest` for a value that is not a whole number.
    func integer(_ name: String) throws -> Int? {
        guard let value = self[name], !value.isEmpty else { return nil }
        guard let number = Int(value) else {
            throw RegistryError(.invalidRequest, "The query parameter \(name) must be a whole number.")
        }
        return number
    }
}
