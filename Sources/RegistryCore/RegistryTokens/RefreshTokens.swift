package import Domain
package import Foundation
import Runtime
import SQL
import Secrets

/// Makes and opens the tokens with which a client asks for registry tokens later, without keeping a password.
///
/// Sealed under SECRET_KEY and bound to the service; nothing is stored. One names its credential as a registry token
/// does, and ends with it. Source: distribution token specification, OAuth 2 (`refresh_token`).
package struct RefreshTokens: Sendable {
    /// In seconds: a client that comes back at least once a month stays signed in.
    package static let lifetime: TimeInterval = 30 * 24 * 3600

    private let platform: Platform
    private let tokens: SignedTokens

    package init(platform: Platform) {
        self.platform = platform
        tokens = platform.sealedTokens(for: "registry refresh token")
    }

    private struct Content: Codable {
        let kind: String
        let id: Int64
        let generation: Int64
    }

    /// A token for `caller` at `service`; nil for nobody.
    package func issue(to caller: Caller, service: String) throws -> String? {
        let content: Content
        switch CredentialCheck.Reference(caller) {
        case .anonymous: return nil
        case .account(let id, let generation): content = Content(kind: "account", id: id, generation: generation)
        case .oauthToken(let id): content = Content(kind: "oauth", id: id, generation: 0)
        case .appToken(let id): content = Content(kind: "app", id: id, generation: 0)
        case .delegateToken(let id): content = Content(kind: "delegate", id: id, generation: 0)
        }
        return try tokens.issue(
            content, expiresAt: platform.clock.now.addingTimeInterval(Self.lifetime), context: service)
    }

    /// The caller behind a token, as their credential is now.
    ///
    /// Errors: `.expiredToken`; `.badCredentials` for a token that is not ours, of another service, or whose credential is
    /// gone.
    package func caller(_ token: String, service: String) async throws -> Caller {
        let now = platform.clock.now
        let content: Content
        do { content = try tokens.read(token, context: service, now: now) } catch .expired {
            throw RegistryError(.expiredToken, "The refresh token has expired.")
        } catch { throw Self.refused }
        let reference: CredentialCheck.Reference
        switch content.kind {
        case "account": reference = .account(id: content.id, generation: content.generation)
        case "oauth": reference = .oauthToken(id: content.id)
        case "app": reference = .appToken(id: content.id)
        case "delegate": reference = .delegateToken(id: content.id)
        default: throw Self.refused
        }
        let caller = try await platform.database.read { try CredentialCheck.caller(reference, now: now, in: $0) }
        guard let caller else { throw Self.refused }
        return caller
    }

    private static let refused = RegistryError(.badCredentials, "Invalid refresh token.")
}
