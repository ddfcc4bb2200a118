package import Domain
import Foundation
import Runtime
import SQL
import Secrets

/// Turns an OAuth access token into a caller: the user who granted it, limited to its scopes.
package struct BearerCredentials: Sendable {
    private let platform: Platform

    package init(platform: Platform) { self.platform = platform }

    /// The token of an `Authorization: Bearer` header; nil for a header of another scheme.
    package static func token(inHeader header: String) -> String? {
        let parts = header.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer" else { return nil }
        return parts[1].trimmingCharacters(in: .whitespaces)
    }

    /// Errors: `.badCredentials` for a token that was never made or has been revoked, `.expiredToken`.
    package func caller(token text: String) async throws -> Caller {
        let wrong = RegistryError(.badCredentials, "OAuth access token could not be validated")
        guard text.utf8.count == OAuthTokenService.length, text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw wrong
        }
        let name = String(text.prefix(OAuthTokenService.nameLength))
        let found = try await platform.database.read { transaction -> (OAuthToken, Account)? in
            guard let token = try OAuthTokenStore.find(name: name, in: transaction),
                let account = try AccountStore.find(id: token.accountID, in: transaction)
            else { return nil }
            return (token, account)
        }
        guard let (token, account) = found,
            OAuthTokenService.secret(of: SecretToken(text)).matches(storedHash: token.secretHash)
        else { throw wrong }
        return try Self.caller(token, account, now: platform.clock.now)
    }

    /// The caller that a token makes of an account now.
    static func caller(_ token: OAuthToken, _ account: Account, now: Date) throws -> Caller {
        guard token.expires > now else { throw RegistryError(.expiredToken, "OAuth access token has expired") }
        guard account.isEnabled, account.kind == .user else {
            throw RegistryError(.badCredentials, "The user of this OAuth access token has been disabled")
        }
        let scopes: ScopeSet
        do { scopes = try ScopeSet(parsing: token.scope) } catch {
            throw RegistryError(.internalError, "OAuth token \(token.uuid) has an unknown scope.", cause: error)
        }
        return Caller(
            identity: .user(id: account.id, name: try Username(account.name)), credential: .oauthToken(id: token.id),
            generation: account.generation, scopes: scopes)
    }
}
