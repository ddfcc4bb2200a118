import Crypto
package import Domain
import Foundation
import Runtime
import SQL
package import Secrets

/// Makes and opens encrypted passwords: what a user gives to a client instead of the password itself.
///
/// One is sealed under SECRET_KEY (AES-256-GCM), bound to the account and to the password of the day: a new password
/// ends it. The password does not stand in it, and checking it costs no bcrypt.
/// Shape: `ep1.` and a sealed token; safe in HTTP headers and shells.
package struct EncryptedPasswords: Sendable {
    private static let prefix = "ep1."
    private let platform: Platform
    private let tokens: SignedTokens

    package init(platform: Platform) {
        self.platform = platform
        tokens = platform.sealedTokens(for: "encrypted password")
    }

    private struct Content: Codable {
        /// Says which password it was, without saying the password.
        let fingerprint: String
    }

    /// The encrypted password of a user. Whoever calls this has seen the password itself.
    ///
    /// Errors: `.invalidRequest` for an account without a password.
    package func make(for account: Account) async throws -> SecretToken {
        let stored = try await platform.database.read { try AccountStore.login(account.name, in: $0) }
        guard let stored, stored.account.id == account.id, let hash = stored.passwordHash else {
            throw RegistryError(.invalidRequest, "This user has no password.")
        }
        // It does not expire by itself: the password's own end is its end.
        let text = try tokens.issue(
            Content(fingerprint: Self.fingerprint(hash)), expiresAt: .distantFuture, context: account.uuid)
        return SecretToken(Self.prefix + text)
    }

    /// The same for a user who asked for it: noted in the usage log.
    package func issue(for account: Account, ip: String?) async throws -> SecretToken {
        let password = try await make(for: account)
        let entry = AuditEntry(
            .generateClientKey, namespaceID: account.id, performerID: account.id, at: platform.clock.now, ip: ip)
        try await platform.database.write { try AuditLogStore.add(entry, in: $0) }
        return password
    }

    /// Whether `password` looks like an encrypted one, whoever made it.
    static func isEncrypted(_ password: String) -> Bool { password.hasPrefix(prefix) }

    /// The user of that name or e-mail address, if `password` is their encrypted password; nil for anything else.
    ///
    /// Errors: `.forbidden` for a disabled user.
    func account(_ nameOrEmail: String, _ password: String) async throws -> Account? {
        guard Self.isEncrypted(password), (1...255).contains(nameOrEmail.utf8.count), !nameOrEmail.utf8.contains(0)
        else { return nil }
        guard let login = try await platform.database.read({ try AccountStore.login(nameOrEmail, in: $0) }),
            let hash = login.passwordHash, let content = opened(password, by: login.account),
            constantTimeEquals(content.fingerprint.utf8, Self.fingerprint(hash).utf8)
        else { return nil }
        guard login.account.isEnabled else { throw SignInService.disabled }
        return login.account
    }

    private func opened(_ password: String, by account: Account) -> Content? {
        do {
            return try tokens.read(
                String(password.dropFirst(Self.prefix.count)), context: account.uuid, now: platform.clock.now)
        } catch { return nil }
    }

    /// A bcrypt hash has a salt of its own: setting the same password again changes this too.
    private static func fingerprint(_ passwordHash: String) -> String { SecretToken(passwordHash).storedHash }
}
