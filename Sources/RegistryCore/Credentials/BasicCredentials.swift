package import Domain
import Foundation
import Runtime
import SQL
import Secrets

/// Turns an `Authorization: Basic` header into a caller. Which kind of credential it is shows in the user name.
///
/// | user name | password |
/// |---|---|
/// | a user's name or e-mail address | the account's password, or its encrypted form |
/// | `namespace+robot` | the robot's token |
/// | `$token` | a delegate token |
/// | `$oauthtoken` | an OAuth access token |
/// | `$app` | an app-specific token |
///
/// Source: Quay, credential kinds. Robots and tokens are not throttled: they can't be guessed.
package struct BasicCredentials: Sendable {
    private let platform: Platform
    private let rules: CredentialRules
    private let signIn: SignInService
    private let encryptedPasswords: EncryptedPasswords
    private let bearer: BearerCredentials

    package init(
        platform: Platform, rules: CredentialRules = CredentialRules(), signIn: SignInService,
        bearer: BearerCredentials
    ) {
        self.platform = platform
        self.rules = rules
        self.signIn = signIn
        self.bearer = bearer
        encryptedPasswords = EncryptedPasswords(platform: platform)
    }

    /// The caller behind `header`, the value of the Authorization header; anonymous without one.
    ///
    /// Errors: `.badCredentials` (also for a header of another scheme, or one that can't be read), `.expiredToken`,
    /// `.throttled`, `.forbidden` for a disabled user.
    package func caller(
        _ header: String?, from origin: SignInOrigin = SignInOrigin(.registry)
    ) async throws -> Caller {
        guard let header else { return .anonymous }
        let (name, password) = try Self.parse(header)
        return try await caller(name, password: password, from: origin)
    }

    /// The caller behind a user name and a password. Errors: as above.
    package func caller(
        _ name: String, password: String, from origin: SignInOrigin = SignInOrigin(.registry)
    ) async throws -> Caller {
        switch name {
        case "$token": return try await delegate(password)
        case "$oauthtoken": return try await bearer.caller(token: password)
        case "$app": return try await appToken(password)
        case _ where name.hasPrefix("$"):
            throw RegistryError(.badCredentials, "Unknown kind of credential: \(name.prefix(64))")
        case _ where name.contains("+"): return try await robot(name, token: password)
        default: return try await user(name, password: password, origin)
        }
    }

    /// The two halves of a Basic header. Source: RFC 7617.
    static func parse(_ header: String) throws -> (name: String, password: String) {
        let parts = header.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "basic",
            let data = Data(base64Encoded: parts[1].trimmingCharacters(in: .whitespaces)),
            let text = String(data: data, encoding: .utf8), let colon = text.firstIndex(of: ":")
        else { throw RegistryError(.badCredentials, "Invalid basic auth credential format") }
        return (String(text[..<colon]), String(text[text.index(after: colon)...]))
    }

    private func user(_ name: String, password: String, _ origin: SignInOrigin) async throws -> Caller {
        // Said before anything is looked up: the answer tells nothing about the name.
        guard rules.takesPasswords else {
            throw RegistryError(.badCredentials, "Passwords are not taken here: use an application token ($app).")
        }
        if let account = try await encryptedPasswords.account(name, password) {
            return try Self.caller(account, .encryptedPassword)
        }
        guard !rules.requiresEncryptedPasswords else {
            throw RegistryError(
                .badCredentials,
                "Client login with unencrypted passwords is disabled. Please generate an encrypted password in the user admin panel for use here."
            )
        }
        return try Self.caller(try await signIn.verify(name, password: password, from: origin), .password)
    }

    private static func caller(_ account: Account, _ credential: Caller.Credential) throws -> Caller {
        Caller(
            identity: .user(id: account.id, name: try Username(account.name)), credential: credential,
            generation: account.generation)
    }

    private func robot(_ text: String, token: String) async throws -> Caller {
        // One sentence for a robot that does not exist and for a wrong token: the difference is nobody's business.
        let wrong = RegistryError(
            .badCredentials, "Could not find robot with username: \(text.prefix(255)) and supplied password.")
        let name: RobotName
        do { name = try RobotName(text) } catch { throw wrong }
        let found = try await platform.database.read { try RobotStore.find(name, in: $0) }
        let expected = try found.map {
            try platform.cipher.decrypt($0.tokenCipher, for: RobotService.field($0.accountUUID))
        }
        guard let found, let expected, SecretToken(token).matches(SecretToken(expected)) else { throw wrong }
        guard found.isEnabled else {
            throw RegistryError(.badCredentials, "This robot account or its owner has been disabled.")
        }
        try await noteUse(last: found.robot.lastAccessed) { try RobotStore.touch(found.robot.id, at: $0, in: $1) }
        return Caller(
            identity: .robot(id: found.robot.id, name: name), credential: .robotToken, generation: found.generation)
    }

    /// Notes the use of a robot or a token, at most once a minute.
    private func noteUse(
        last: Date?, _ touch: @escaping @Sendable (Date, any Transaction) throws -> Void
    ) async throws {
        let now = platform.clock.now
        if let last, now.timeIntervalSince(last) < 60 { return }
        try await platform.database.write { try touch(now, $0) }
    }

    private func delegate(_ code: String) async throws -> Caller {
        let wrong = RegistryError(.badCredentials, "Invalid access token")
        guard code.utf8.count == 2 * DelegateTokenService.nameLength, code.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
        else { throw wrong }
        let name = String(code.prefix(DelegateTokenService.nameLength))
        guard let found = try await platform.database.read({ try DelegateTokenStore.live(named: name, in: $0) }) else {
            throw wrong
        }
        let expected = try platform.cipher.decrypt(found.secretCipher, for: DelegateTokenService.field(name))
        guard SecretToken(String(code.dropFirst(DelegateTokenService.nameLength))).matches(SecretToken(expected)) else {
            throw wrong
        }
        return Caller(
            identity: .repositoryToken(found.grant), credential: .delegateToken(id: found.grant.tokenID))
    }

    private func appToken(_ code: String) async throws -> Caller {
        let wrong = RegistryError(.badCredentials, "Invalid app specific token")
        guard rules.takesAppTokens, let (name, secret) = AppTokenService.parts(ofCode: code) else { throw wrong }
        let found = try await platform.database.read { transaction -> (AppTokenStore.Stored, Account)? in
            guard let stored = try AppTokenStore.find(name: name, in: transaction),
                let account = try AccountStore.find(id: stored.token.accountID, in: transaction)
            else { return nil }
            return (stored, account)
        }
        guard let (stored, account) = found, secret.matches(storedHash: stored.secretHash) else { throw wrong }
        guard stored.token.isLive(at: platform.clock.now) else {
            throw RegistryError(.expiredToken, "This app specific token has expired.")
        }
        guard let caller = try CredentialCheck.caller(stored.token, account) else {
            throw RegistryError(.badCredentials, "The user of this app specific token has been disabled.")
        }
        try await noteUse(last: stored.token.lastAccessed) { try AppTokenStore.touch(stored.token.id, at: $0, in: $1) }
        return caller
    }
}
