import Domain
import Foundation
import Runtime
import SQL
package import Secrets

/// Use cases on app-specific tokens: passwords of a user's own for one client each (`docker login -u '$app'`).
package struct AppTokenService: Sendable {
    /// The characters of a token's public name and of its secret.
    static let partLength = 40
    package static let maximumTitleLength = 255
    /// More tokens than anybody has clients: a stolen session must not fill the table.
    package static let maximumPerUser = 1000

    private let platform: Platform
    private let rules: CredentialRules

    package init(platform: Platform, rules: CredentialRules) {
        self.platform = platform
        self.rules = rules
    }

    /// A token that was just made, with what the client sends as its password: shown this once.
    package struct Revealed: Sendable {
        package let token: AppToken
        package let code: SecretToken
    }

    /// Makes a token that lives for APP_SPECIFIC_TOKEN_EXPIRATION.
    ///
    /// Errors: `.invalidRequest` for a title that is empty or too long, or when the user has too many tokens.
    package func create(_ title: String, for user: UserAccess, ip: String?) async throws -> Revealed {
        let title = title.trimmingCharacters(in: .whitespacesAndNewlines)
        guard (1...Self.maximumTitleLength).contains(title.count), !title.utf8.contains(0) else {
            throw RegistryError(
                .invalidRequest, "A title must have 1 to \(Self.maximumTitleLength) characters.")
        }
        let (name, secret) = (part(), part())
        let now = platform.clock.now
        let row = AppTokenStore.NewToken(
            uuid: platform.identifiers.uuid(), accountID: user.id, title: title, name: name.text,
            secretHash: secret.storedHash, created: now,
            expires: rules.appTokenLifetime.map { now.addingTimeInterval($0 / .seconds(1)) })
        let token = try await platform.database.write { transaction in
            let existing = try AppTokenStore.list(accountID: user.id, expiringBefore: nil, in: transaction)
            guard existing.count < Self.maximumPerUser else {
                throw RegistryError(.invalidRequest, "A user can have \(Self.maximumPerUser) tokens at most.")
            }
            let token = try AppTokenStore.insert(row, in: transaction)
            try AuditLogStore.add(Self.entry(.createAppToken, token, user, at: now, ip), in: transaction)
            return token
        }
        return Revealed(token: token, code: Self.code(name, secret))
    }

    /// The user's tokens, newest first; with `expiringOnly` those that have expired or will within the time that expired
    /// ones stay listed.
    package func list(of user: UserAccess, expiringOnly: Bool) async throws -> [AppToken] {
        let limit =
            expiringOnly ? platform.clock.now.addingTimeInterval(rules.expiredAppTokenRetention / .seconds(1)) : nil
        return try await platform.database.read {
            try AppTokenStore.list(accountID: user.id, expiringBefore: limit, in: $0)
        }
    }

    /// Errors: `.notFound`, also for another user's token.
    package func find(_ uuid: String, of user: UserAccess) async throws -> AppToken {
        try await platform.database.read { try Self.find(uuid, of: user, $0) }
    }

    /// Ends a token and every registry token made with it. Errors: `.notFound`, also for another user's token.
    package func revoke(_ uuid: String, of user: UserAccess, ip: String?) async throws {
        let now = platform.clock.now
        try await platform.database.write { transaction in
            let token = try Self.find(uuid, of: user, transaction)
            try AppTokenStore.delete(id: token.id, in: transaction)
            try AuditLogStore.add(Self.entry(.revokeAppToken, token, user, at: now, ip), in: transaction)
        }
    }

    /// The halves of a code; nil for a text that is none. Shape: base64 of `name:secret`.
    static func parts(ofCode code: String) -> (name: String, secret: SecretToken)? {
        // Longer texts are nobody's: they are not even decoded.
        guard code.utf8.count <= 4 * partLength, let data = Data(base64Encoded: code),
            let text = String(data: data, encoding: .utf8)
        else { return nil }
        let halves = text.split(separator: ":", omittingEmptySubsequences: false)
        guard halves.count == 2, halves.allSatisfy({ $0.utf8.count == partLength }), !text.utf8.contains(0) else {
            return nil
        }
        return (String(halves[0]), SecretToken(String(halves[1])))
    }

    private static func code(_ name: SecretToken, _ secret: SecretToken) -> SecretToken {
        SecretToken(Data("\(name.text):\(secret.text)".utf8).base64EncodedString())
    }

    private func part() -> SecretToken {
        SecretToken.random(length: Self.partLength, from: SecretToken.capitals, using: platform.randomness)
    }

    private static func find(_ uuid: String, of user: UserAccess, _ transaction: any Transaction) throws -> AppToken {
        guard !uuid.utf8.contains(0), uuid.utf8.count <= 64,
            let token = try AppTokenStore.find(uuid: uuid, accountID: user.id, in: transaction)
        else { throw RegistryError(.notFound, "Not Found") }
        return token
    }

    private static func entry(
        _ kind: AuditKind, _ token: AppToken, _ user: UserAccess, at moment: Date, _ ip: String?
    ) -> AuditEntry {
        AuditEntry(
            kind, namespaceID: user.id, performerID: user.id, at: moment, ip: ip,
            metadata: ["app_specific_token_title": token.title, "app_specific_token": token.uuid])
    }
}
