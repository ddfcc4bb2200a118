package import Domain
package import Foundation
import Runtime

/// A signed registry token, ready for the client.
package struct RegistryToken: Sendable {
    package let text: String
    package let issued: Date
    /// Whole seconds from `issued` on.
    package let lifetimeSeconds: Int
}

/// Signs what `RegistryTokenService` decided.
package struct RegistryTokenIssuer: Sendable {
    /// Source: Quay, registry token lifetime.
    package static let lifetimeSeconds = 3600

    private let platform: Platform
    private let keys: ServiceKeys

    package init(platform: Platform, keys: ServiceKeys) {
        self.platform = platform
        self.keys = keys
    }

    /// - Parameters:
    ///   - granted: each scope with the actions that were granted, possibly none.
    ///   - audience: the service that the token is for.
    package func issue(
        _ granted: [RegistryTokenScope], to caller: Caller, audience: String
    ) async throws -> RegistryToken {
        let now = Int64(platform.clock.now.timeIntervalSince1970.rounded(.down))
        var context = RegistryTokenClaims.Context(caller)
        for scope in granted { context.roots[scope.repository.text] = "$disabled" }
        let claims = RegistryTokenClaims(
            iss: keys.service, aud: audience, sub: caller.name, nbf: now, iat: now,
            exp: now + Int64(Self.lifetimeSeconds),
            access: granted.map { scope in
                RegistryTokenClaims.Access(
                    type: "repository", name: scope.requestedName,
                    actions: scope.actions.sorted().map(\.rawValue))
            }, context: context)
        return RegistryToken(
            text: try await keys.sign(claims), issued: Date(timeIntervalSince1970: TimeInterval(now)),
            lifetimeSeconds: Self.lifetimeSeconds)
    }
}
