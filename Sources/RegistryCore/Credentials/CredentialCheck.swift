package import Domain
package import Foundation
package import SQL

/// Asks whether a proof that was accepted earlier still counts: what a registry token or a session names must still live.
package enum CredentialCheck {
    /// The credential that a registry token was made with, as its claims carry it.
    package enum Reference: Sendable, Hashable {
        case anonymous
        /// A user by password, or a robot by its token; dies when the account's generation rises.
        case account(id: Int64, generation: Int64)
        case oauthToken(id: Int64)
        case appToken(id: Int64)
        case delegateToken(id: Int64)

        /// What a later check needs of `caller`.
        package init(_ caller: Caller) {
            switch (caller.identity, caller.credential) {
            case (.anonymous, _): self = .anonymous
            case (.repositoryToken(let grant), _): self = .delegateToken(id: grant.tokenID)
            case (_, .oauthToken(let id)): self = .oauthToken(id: id)
            case (_, .appToken(let id)): self = .appToken(id: id)
            case (.user(let id, _), _), (.robot(let id, _), _):
                self = .account(id: id, generation: caller.generation)
            }
        }
    }

    /// The caller that `reference` makes now; nil when its proof has been taken back or has expired.
    package static func caller(
        _ reference: Reference, now: Date, in transaction: any Transaction
    ) throws -> Caller? {
        switch reference {
        case .anonymous: return .anonymous
        case .account(let id, let generation):
            guard let account = try AccountStore.find(id: id, in: transaction), account.generation == generation,
                account.isEnabled
            else { return nil }
            return try caller(account, in: transaction)
        case .oauthToken(let id):
            guard let token = try OAuthTokenStore.find(id: id, in: transaction), token.expires > now,
                let account = try AccountStore.find(id: token.accountID, in: transaction), account.isEnabled
            else { return nil }
            return try BearerCredentials.caller(token, account, now: now)
        case .appToken(let id):
            guard let token = try AppTokenStore.find(id: id, in: transaction), token.isLive(at: now),
                let account = try AccountStore.find(id: token.accountID, in: transaction)
            else { return nil }
            return try caller(token, account)
        case .delegateToken(let id):
            guard let stored = try DelegateTokenStore.live(id: id, in: transaction) else { return nil }
            return Caller(identity: .repositoryToken(stored.grant), credential: .delegateToken(id: id))
        }
    }

    /// The caller that an app token makes of its user; nil when the user has been disabled.
    static func caller(_ token: AppToken, _ account: Account) throws -> Caller? {
        guard account.isEnabled, account.kind == .user else { return nil }
        return Caller(
            identity: .user(id: account.id, name: try Username(account.name)), credential: .appToken(id: token.id),
            generation: account.generation)
    }

    private static func caller(_ account: Account, in transaction: any Transaction) throws -> Caller? {
        switch account.kind {
        case .user:
            return Caller(
                identity: .user(id: account.id, name: try Username(account.name)), credential: .password,
                generation: account.generation)
        case .robot:
            guard let stored = try RobotStore.find(id: account.id, in: transaction), stored.isEnabled else {
                return nil
            }
            return Caller(
                identity: .robot(id: account.id, name: stored.robot.name), credential: .robotToken,
                generation: account.generation)
        case .organization: return nil
        }
    }
}
