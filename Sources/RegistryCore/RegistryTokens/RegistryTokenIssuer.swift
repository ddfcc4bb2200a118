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
    private let platform: Platform
    private let keys: ServiceKeys
    private let lifetimeSeconds: Int64

    package init(platform: Platform, keys: ServiceKeys, rule: RegistryTokenRule = RegistryTokenRule()) {
        self.platform = platform
        self.keys = keys
        lifetimeSeconds = rule.lifetimeSeconds
    }

    /// - Parameters:
    ///   - granted: each scope with the actions that were granted, possibly none.
    ///   - audience: the service that the token is for.
    /// Errors: `.invalidRequest` when the token would be longer than any verifier takes.
    package func issue(
        _ granted: [RegistryTokenScope], to caller: Caller, audience: String
    ) async throws -> RegistryToken {
        let now = Int64(platform.clock.now.timeIntervalSince1970.rounded(.down))
        var context = RegistryTokenClaims.Context(caller)
        for scope in granted { context.roots[scope.repository.text] = "$disabled" }
        let claims = RegistryTokenClaims(
            iss: keys.service, aud: audience, sub: caller.name, nbf: now, iat: now,
            exp: now + lifetimeSeconds,
            access: granted.map { scope in
                RegistryTokenClaims.Access(
                    type: "repository", name: scope.requestedName,
                    actions: scope.actions.sorted().map(\.rawValue))
            }, context: context)
        let text = try await keys.sign(claims, until: Date(timeIntervalSince1970: TimeInterval(claims.exp)))
        guard text.utf8.count <= RegistryTokenVerifier.maximumLength else {
            throw RegistryError(.invalidRequest, "The scopes are too many for one token.")
        }
        return RegistryToken(
            text: text, issued: Date(timeIntervalSince1970: TimeInterval(now)), lifetimeSeconds: Int(lifetimeSeconds))
    }
}
