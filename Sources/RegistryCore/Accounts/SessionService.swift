package import Domain
package import Foundation
import Runtime
import SQL
package import Secrets

/// Begins, finds and ends browser sessions. Every change of privilege makes a new session id and CSRF token.
package struct SessionService: Sendable {
    /// How long somebody stays signed in. Source: Quay, permanent sessions.
    package static let lifetime: TimeInterval = 31 * 24 * 3600
    /// How long a session lives in which nobody signed in.
    package static let anonymousLifetime: TimeInterval = 24 * 3600

    private let platform: Platform

    package init(platform: Platform) { self.platform = platform }

    /// A session with the secret that only the cookie holds.
    package struct Started: Sendable {
        package let session: Session
        package let cookie: SecretToken
    }

    /// Somebody who is signed in by a session.
    package struct SignedIn: Sendable {
        package let session: Session
        package let account: Account
        package let caller: Caller
    }

    /// What a cookie stands for.
    package enum Found: Sendable {
        case anonymous(Session)
        case signedIn(SignedIn)

        package var session: Session {
            switch self {
            case .anonymous(let session): session
            case .signedIn(let signedIn): signedIn.session
            }
        }
    }

    /// The live session of a cookie; nil for one that is unknown, has expired or was ended.
    package func find(_ cookie: SecretToken) async throws -> Found? {
        guard (1...128).contains(cookie.text.utf8.count) else { return nil }
        let (id, now) = (cookie.storedHash, platform.clock.now)
        return try await platform.database.read { transaction in
            guard let session = try SessionStore.live(id, at: now, in: transaction) else { return nil }
            guard let accountID = session.accountID else { return .anonymous(session) }
            guard let account = try AccountStore.find(id: accountID, in: transaction), account.kind == .user else {
                return nil
            }
            let caller = Caller(
                identity: .user(id: account.id, name: try Username(account.name)),
                credential: .session(id: session.id), generation: account.generation)
            return .signedIn(SignedIn(session: session, account: account, caller: caller))
        }
    }

    /// A session in which nobody is signed in yet: it only holds a CSRF token.
    package func begin() async throws -> Started { try await start(nil, replacing: nil) }

    /// A session of `account`, in place of the one that the browser had.
    package func signIn(_ account: Account, replacing old: Session?) async throws -> Started {
        try await start(account, replacing: old)
    }

    /// Notes that the password was given again.
    package func refresh(_ session: Session) async throws {
        let now = platform.clock.now
        try await platform.database.write { try SessionStore.setSignedIn(session.id, at: now, in: $0) }
    }

    /// Ends every session of the signed-in user, and every registry token made with their password.
    package func signOutEverywhere(_ signedIn: SignedIn) async throws {
        try await platform.database.write { transaction in
            try AccountStore.raiseGeneration(signedIn.account.id, in: transaction)
            try SessionStore.delete(signedIn.session.id, in: transaction)
        }
    }

    /// Whether a password was given within `limit`.
    package func isFresh(_ session: Session, within limit: Duration) -> Bool {
        guard let signedIn = session.signedIn else { return false }
        return platform.clock.now.timeIntervalSince(signedIn) <= limit / .seconds(1)
    }

    private func start(_ account: Account?, replacing old: Session?) async throws -> Started {
        let cookie = SecretToken(Base64URL.encode(platform.randomness.bytes(32)))
        let now = platform.clock.now
        let session = Session(
            id: cookie.storedHash, accountID: account?.id, generation: account?.generation ?? 0,
            csrfToken: Base64URL.encode(platform.randomness.bytes(48)), created: now,
            signedIn: account.map { _ in now },
            expires: now.addingTimeInterval(account == nil ? Self.anonymousLifetime : Self.lifetime))
        try await platform.database.write { transaction in
            if let old { try SessionStore.delete(old.id, in: transaction) }
            try SessionStore.insert(session, in: transaction)
        }
        return Started(session: session, cookie: cookie)
    }
}
