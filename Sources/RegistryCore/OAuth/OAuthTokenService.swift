package import Domain
package import Foundation
import Runtime
import SQL
package import Secrets

/// Makes OAuth access tokens.
package struct OAuthTokenService: Sendable {
    /// Ten years of 365.25 days, in seconds. Source: Quay's `expires_in`.
    package static let lifetimeSeconds: TimeInterval = 315_576_000
    /// The characters of a token that name it; the rest is its secret. Source: Quay.
    package static let nameLength = 20
    package static let length = 40

    private let platform: Platform

    package init(platform: Platform) { self.platform = platform }

    /// A token with every scope for the first user of a registry, under an application of that user's own. Shown once.
    package func initialToken(for account: Account) async throws -> SecretToken {
        let token = SecretToken.random(length: Self.length, using: platform.randomness)
        let clientID = SecretToken.random(length: 20, from: SecretToken.capitals, using: platform.randomness).text
        let secret = SecretToken.random(length: 40, using: platform.randomness)
        let application = OAuthApplicationStore.NewApplication(
            ownerID: account.id, clientID: clientID,
            secretCipher: try platform.cipher.encrypt(
                secret.text,
                for: FieldCipher.Field(table: "oauth_application", column: "client_secret_cipher", row: clientID)),
            name: "Initial access token", description: "Made when the registry was initialized.")
        let (uuid, now) = (platform.identifiers.uuid(), platform.clock.now)
        try await platform.database.write { transaction in
            try OAuthTokenStore.insert(
                OAuthTokenStore.NewToken(
                    uuid: uuid, applicationID: try OAuthApplicationStore.insert(application, in: transaction),
                    accountID: account.id, scope: .only(Set(Scope.allCases)),
                    name: String(token.text.prefix(Self.nameLength)),
                    secretHash: Self.secret(of: token).storedHash, created: now,
                    expires: now.addingTimeInterval(Self.lifetimeSeconds)), in: transaction)
        }
        return token
    }

    /// The part of a token that is kept as a hash.
    static func secret(of token: SecretToken) -> SecretToken { SecretToken(String(token.text.dropFirst(nameLength))) }
}
