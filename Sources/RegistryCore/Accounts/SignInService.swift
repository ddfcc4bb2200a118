package import Domain
import Foundation
import Logging
import Runtime
import SQL
import Secrets

/// From where somebody tries to sign in, for the usage log.
package struct SignInOrigin: Sendable, Hashable {
    package enum Door: String, Sendable, Hashable {
        /// The sign-in page or the API.
        case site = "quayauth"
        /// A client of the registry (`docker login`).
        case registry = "v2auth"
    }

    package let door: Door
    package let ip: String?
    package let userAgent: String?

    package init(_ door: Door, ip: String? = nil, userAgent: String? = nil) {
        self.door = door
        self.ip = ip
        self.userAgent = userAgent.map { String($0.prefix(255)) }
    }
}

/// Decides whether a name and a password belong together, for the sign-in page and for HTTP Basic alike.
///
/// Unknown names, organizations, robots and wrong passwords get one answer after the same work. Wrong passwords of an
/// account make it wait (``LoginThrottle``), and so do those for a name that nobody has.
package struct SignInService: Sendable {
    private let platform: Platform
    private let verified: VerifiedPasswords

    package init(platform: Platform) {
        self.platform = platform
        verified = VerifiedPasswords(randomness: platform.randomness)
    }

    /// The enabled user behind `nameOrEmail`, if `password` is theirs.
    ///
    /// Errors: `.badCredentials`; `.throttled` with `retry_after` seconds in the details, even for the right password;
    /// `.forbidden` for a disabled user who gave the right password.
    package func verify(
        _ nameOrEmail: String, password: String, from origin: SignInOrigin = SignInOrigin(.site)
    ) async throws -> Account {
        let (login, throttle) = try await find(nameOrEmail)
        try refuseIfThrottled(throttle)
        let now = platform.clock.now
        if let login, let hash = login.passwordHash, login.account.isEnabled,
            verified.contains(password, of: login.account.id, hash: hash, at: now)
        {
            try await accept(login, now)
            return login.account
        }
        guard try await isRight(password, login), let login else {
            try await refuse(login?.account, nameOrEmail, origin)
            throw Self.wrong
        }
        // Other guesses may have failed while this password was checked: the account as it is now decides.
        let (current, throttleNow) = try await find(nameOrEmail)
        guard let current, current.account.id == login.account.id, let hash = current.passwordHash,
            hash == login.passwordHash
        else { throw Self.wrong }
        try refuseIfThrottled(throttleNow)
        try await accept(current, platform.clock.now)
        guard current.account.isEnabled else { throw Self.disabled }
        verified.insert(password, of: current.account.id, hash: hash, at: platform.clock.now)
        return current.account
    }

    /// Writes into the usage log that `account` has signed in.
    package func log(signInOf account: Int64, name: String, from origin: SignInOrigin) async throws {
        let entry = Self.entry(.signIn, accountID: account, name: name, origin, at: platform.clock.now)
        try await platform.database.write { try AuditLogStore.add(entry, in: $0) }
    }

    private static let wrong = RegistryError(.badCredentials, "Invalid Username or Password")
    static let disabled = RegistryError(
        .forbidden, "This user has been disabled. Please contact your administrator.")

    /// The login of a name with how long it must wait; a name that nobody has waits too.
    private func find(_ nameOrEmail: String) async throws -> (AccountStore.Login?, LoginThrottle) {
        // A name with a NUL is nobody's, and the database refuses to be asked for it.
        let isPossible = (1...255).contains(nameOrEmail.utf8.count) && !nameOrEmail.utf8.contains(0)
        return try await platform.database.read { transaction in
            let login = isPossible ? try AccountStore.login(nameOrEmail, in: transaction) : nil
            let unknown = try UnknownLoginStore.throttle(nameOrEmail, in: transaction)
            return (login, login?.throttle ?? unknown)
        }
    }

    private func isRight(_ password: String, _ login: AccountStore.Login?) async throws -> Bool {
        let hash = try login?.passwordHash.map { text in
            do { return try PasswordHash(text) } catch {
                throw RegistryError(.internalError, "The stored password of an account can't be read.", cause: error)
            }
        }
        return try await Self.whenNotBusy { try await platform.passwords.verify(password, against: hash) }
    }

    /// Runs work on passwords; a full line of waiters becomes an answer that a client understands.
    static func whenNotBusy<Value: Sendable>(_ body: () async throws -> Value) async throws -> Value {
        do { return try await body() } catch PasswordHasher.Failure.busy {
            throw RegistryError(
                .throttled, "Too many sign-ins at once: try again in a moment.", details: ["retry_after": "2"])
        }
    }

    private func refuseIfThrottled(_ throttle: LoginThrottle) throws {
        guard let seconds = throttle.secondsToWait(at: platform.clock.now) else { return }
        throw RegistryError(
            .throttled, "Too many login attempts have been made. Try again in \(seconds) seconds.",
            details: ["retry_after": String(seconds)])
    }

    /// One write either way: the clock tells nobody whether the name exists.
    private func refuse(_ account: Account?, _ nameOrEmail: String, _ origin: SignInOrigin) async throws {
        let now = platform.clock.now
        try await platform.database.write { transaction in
            guard let account else {
                return try UnknownLoginStore.recordWrongPassword(nameOrEmail, at: now, in: transaction)
            }
            try AccountStore.recordWrongPassword(account.id, at: now, in: transaction)
            try AuditLogStore.add(
                Self.entry(.failedSignIn, accountID: account.id, name: account.name, origin, at: now), in: transaction)
        }
    }

    private func accept(_ login: AccountStore.Login, _ now: Date) async throws {
        let isStale = login.account.lastAccessed.map { now.timeIntervalSince($0) > 60 } ?? true
        guard login.throttle.failures > 0 || isStale else { return }
        do {
            try await platform.database.write { transaction in
                try AccountStore.recordRightPassword(login.account.id, at: now, in: transaction)
            }
        } catch let full as DatabaseError where full.kind == .diskFull {
            // Whoever is right comes in although nobody can write it down: pulls go on when the disk is full.
            platform.logger.debug("A sign-in was not written down: \(full)")
        }
    }

    private static func entry(
        _ kind: AuditKind, accountID: Int64, name: String, _ origin: SignInOrigin, at moment: Date
    ) -> AuditEntry {
        AuditEntry(
            kind, namespaceID: accountID, performerID: accountID, at: moment, ip: origin.ip,
            metadata: ["type": origin.door.rawValue, "username": name, "useragent": origin.userAgent ?? ""])
    }
}
