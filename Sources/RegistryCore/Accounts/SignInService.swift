package import Domain
import Foundation
import Runtime
import SQL
import Secrets

/// Decides whether a name and a password belong together, for the sign-in page and for HTTP Basic alike.
///
/// Unknown names, organizations, robots and wrong passwords get one answer after the same work. Wrong passwords of an
/// account make it wait (``LoginThrottle``).
package struct SignInService: Sendable {
    private let platform: Platform
    private let unknown = UnknownLogins()

    package init(platform: Platform) { self.platform = platform }

    /// The enabled user behind `nameOrEmail`, if `password` is theirs.
    ///
    /// Errors: `.badCredentials`; `.throttled` with `retry_after` seconds in the details, even for the right password;
    /// `.forbidden` for a disabled user who gave the right password.
    package func verify(_ nameOrEmail: String, password: String) async throws -> Account {
        let login = try await find(nameOrEmail)
        try refuseIfThrottled(login?.throttle ?? unknown.throttle(nameOrEmail))
        let hash = try login?.passwordHash.map { text in
            do { return try PasswordHash(text) } catch {
                throw RegistryError(.internalError, "The stored password of an account can't be read.", cause: error)
            }
        }
        let isRight: Bool
        do { isRight = try await platform.passwords.verify(password, against: hash) } catch PasswordHasher.Failure.busy
        {
            throw RegistryError(
                .throttled, "Too many sign-ins at once: try again in a moment.", details: ["retry_after": "2"])
        }
        guard let login else {
            unknown.recordWrongPassword(nameOrEmail, at: platform.clock.now)
            throw Self.wrong
        }
        guard isRight else {
            let now = platform.clock.now
            try await platform.database.write { transaction in
                try AccountStore.recordWrongPassword(login.account.id, at: now, in: transaction)
            }
            throw Self.wrong
        }
        try await accept(login, nameOrEmail)
        guard login.account.isEnabled else {
            throw RegistryError(.forbidden, "This user has been disabled. Please contact your administrator.")
        }
        return login.account
    }

    private static let wrong = RegistryError(.badCredentials, "Invalid Username or Password")

    private func find(_ nameOrEmail: String) async throws -> AccountStore.Login? {
        // A name with a NUL is nobody's, and the database refuses to be asked for it.
        guard (1...255).contains(nameOrEmail.utf8.count), !nameOrEmail.utf8.contains(0) else { return nil }
        return try await platform.database.read { try AccountStore.login(nameOrEmail, in: $0) }
    }

    private func refuseIfThrottled(_ throttle: LoginThrottle) throws {
        guard let seconds = throttle.secondsToWait(at: platform.clock.now) else { return }
        throw RegistryError(
            .throttled, "Too many login attempts have been made. Try again in \(seconds) seconds.",
            details: ["retry_after": String(seconds)])
    }

    /// Other guesses may have failed while this password was checked: the account as it is now decides.
    private func accept(_ login: AccountStore.Login, _ nameOrEmail: String) async throws {
        guard let current = try await find(nameOrEmail), current.account.id == login.account.id,
            current.passwordHash == login.passwordHash
        else { throw Self.wrong }
        try refuseIfThrottled(current.throttle)
        let now = platform.clock.now
        let isStale = current.account.lastAccessed.map { now.timeIntervalSince($0) > 60 } ?? true
        guard current.throttle.failures > 0 || isStale else { return }
        try await platform.database.write { transaction in
            try AccountStore.recordRightPassword(login.account.id, at: now, in: transaction)
        }
    }
}
