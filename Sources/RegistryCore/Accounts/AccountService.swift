package import Domain
import Foundation
import Runtime
import SQL
import Secrets

/// Use cases on users: being created, the first of all, and changing a password.
package struct AccountService: Sendable {
    /// What a new user says; holds no privilege.
    package struct NewUser: Sendable {
        package let username: String
        package let password: String
        package let email: String?

        package init(username: String, password: String, email: String?) {
            self.username = username
            self.password = password
            self.email = email
        }
    }

    /// Whom the new account is made by.
    package enum Origin: Sendable, Hashable {
        /// The person at the sign-up form.
        case signUp
        /// The administrator at the command line.
        case administrator(superuser: Bool)
        /// The first user of an empty registry, who becomes a superuser.
        case initialization
    }

    private let platform: Platform
    private let timeMachine: TimeMachine
    private let maximumQueuedBuilds: Int?

    /// What new users begin with.
    /// - Parameters:
    ///   - timeMachine: DEFAULT_TAG_EXPIRATION.
    ///   - maximumQueuedBuilds: DEFAULT_NAMESPACE_MAXIMUM_BUILD_COUNT.
    package init(platform: Platform, timeMachine: TimeMachine = .standard, maximumQueuedBuilds: Int? = nil) {
        self.platform = platform
        self.timeMachine = timeMachine
        self.maximumQueuedBuilds = maximumQueuedBuilds
    }

    /// Makes a user and answers it.
    ///
    /// Errors: `.invalidRequest` with the sentence the API shows, also when the name or the address is taken, and when
    /// an `.initialization` comes to a registry that has a user.
    package func create(_ user: NewUser, _ origin: Origin) async throws -> Account {
        let name = try Self.username(user.username)
        do { try PasswordRule.check(user.password) } catch { throw RegistryError(.invalidRequest, error.message) }
        let email = try user.email.flatMap { $0.isEmpty ? nil : try Self.email($0) }
        let hash = try await SignInService.whenNotBusy { try await platform.passwords.hash(user.password) }
        var row = AccountStore.NewAccount(
            uuid: platform.identifiers.uuid(), name: name.text, kind: .user, passwordHash: hash.text, email: email,
            timeMachine: timeMachine, maximumQueuedBuilds: maximumQueuedBuilds, created: platform.clock.now)
        switch origin {
        case .signUp: break
        case .administrator(let superuser): (row.isSuperuser, row.isVerified) = (superuser, true)
        case .initialization: (row.isSuperuser, row.isVerified) = (true, true)
        }
        let account = row
        return try await platform.database.write { transaction in
            if origin == .initialization, try AccountStore.hasUsers(in: transaction) { throw Self.notEmpty }
            guard let id = try AccountStore.insert(account, in: transaction),
                let created = try AccountStore.find(id: id, in: transaction)
            else { throw try Self.taken(account, in: transaction) }
            try AuditLogStore.add(
                AuditEntry(
                    .createUser, namespaceID: id, performerID: id, at: account.created,
                    metadata: ["username": account.name]), in: transaction)
            return created
        }
    }

    /// Replaces the password of a user; every session and registry token of theirs ends.
    ///
    /// Errors: `.invalidRequest` when the password breaks the rule.
    package func changePassword(of account: Account, to password: String) async throws {
        do { try PasswordRule.check(password) } catch { throw RegistryError(.invalidRequest, error.message) }
        let hash = try await SignInService.whenNotBusy { try await platform.passwords.hash(password) }
        let now = platform.clock.now
        try await platform.database.write { transaction in
            try AccountStore.setPassword(account.id, hash: hash.text, in: transaction)
            try AuditLogStore.add(
                AuditEntry(.changePassword, namespaceID: account.id, performerID: account.id, at: now),
                in: transaction)
        }
    }

    /// Takes a user away at once: the name is free, every credential is dead, nobody finds the repositories, and
    /// ``DeletionStep`` removes the content later.
    ///
    /// Errors: `.invalidRequest` while an organization has no other administrator; `.notFound` when it was done already.
    package func delete(_ user: UserAccess, ip: String? = nil) async throws {
        let (now, freed) = (platform.clock.now, platform.identifiers.uuid())
        try await platform.database.write { transaction in
            let left = try OrganizationStore.administeredOnly(by: user.id, in: transaction)
            guard left.isEmpty else {
                throw RegistryError(
                    .invalidRequest,
                    "Delete these organizations first, or give them another administrator: \(left.joined(separator: ", "))."
                )
            }
            try UnfinishedBuilds.cancel(of: .namespace(user.id), at: now, in: transaction)
            guard try DeletionStore.mark(namespace: user.id, rename: freed, at: now, purgeAfter: now, in: transaction)
            else { throw RegistryError(.notFound, "Not Found") }
            try AuditLogStore.add(
                AuditEntry(
                    .deleteUser, namespaceID: user.id, performerID: user.id, at: now, ip: ip,
                    metadata: ["username": user.name.text]), in: transaction)
        }
    }

    /// Whether the registry has no user yet, so that the first may be made.
    package func isEmpty() async throws -> Bool {
        try await platform.database.read { try !AccountStore.hasUsers(in: $0) }
    }

    package func find(id: Int64) async throws -> Account? {
        try await platform.database.read { try AccountStore.find(id: id, in: $0) }
    }

    /// The enabled user of that name; organizations and robots are not found.
    package func user(named name: Username) async throws -> Account? {
        try await platform.database.read { try AccountStore.find(name: name.text, in: $0) }
            .flatMap { $0.kind == .user && $0.isEnabled ? $0 : nil }
    }

    /// What `.initialization` throws once there is a user.
    package static let notEmpty = RegistryError(.invalidRequest, "Cannot initialize user in a non-empty database")

    static func username(_ text: String) throws -> Username {
        do { return try Username(text) } catch {
            throw RegistryError(
                .invalidRequest,
                "Invalid username '\(text.prefix(255))': it must be 2 to 255 lower-case letters and digits, joined by single '.', '_' or '-'."
            )
        }
    }

    static func email(_ text: String) throws -> EmailAddress {
        do { return try EmailAddress(text) } catch { throw RegistryError(.invalidRequest, error.message) }
    }

    private static func taken(
        _ account: AccountStore.NewAccount, in transaction: any Transaction
    ) throws -> RegistryError {
        try AccountStore.find(name: account.name, in: transaction) != nil
            ? RegistryError(.invalidRequest, "The username already exists")
            : RegistryError(.invalidRequest, "Email has already been used: \(account.email?.text ?? "")")
    }
}
