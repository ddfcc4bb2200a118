package import Domain
package import Foundation
import JWTKit
import Runtime
import SQL
import Synchronization

/// Turns the registry token of a request into a caller, whose rights are then decided anew.
///
/// The signature, the audience and the times are checked, and that the credential behind the token still lives: a changed
/// password, a new robot token, an ended build or a disabled account ends its tokens within ``memory`` seconds.
package final class RegistryTokenVerifier: Sendable {
    /// How long an answer of the database about a credential is believed.
    package static let memory: TimeInterval = 2
    /// How far clocks may differ, in seconds.
    package static let clockSkewSeconds: Int64 = 30
    /// Nobody needs a longer token than this, in bytes.
    package static let maximumLength = 16_384
    private static let capacity = 4096

    private let platform: Platform
    private let keys: ServiceKeys
    private let hostname: String
    private let library: Username
    /// No token that claims to live longer is accepted.
    private let maximumLifetimeSeconds: Int64
    private let memory = Mutex(Memory())

    private struct Memory {
        /// Tokens whose signature was right, with what they say.
        var tokens: [String: Verified] = [:]
        /// The callers behind credentials, and when the database said so.
        var callers: [CredentialCheck.Reference: (caller: Caller, at: Date)] = [:]
    }

    private struct Verified: Sendable {
        let credential: CredentialCheck.Reference
        let grants: RegistryGrants
        let notBefore: Int64
        let expires: Int64
        /// The key that signed it.
        let kid: String
    }

    /// - Parameters:
    ///   - hostname: SERVER_HOSTNAME, the only audience that is accepted.
    ///   - library: the namespace of names without a slash.
    package init(
        platform: Platform, keys: ServiceKeys, hostname: String, library: Username,
        rule: RegistryTokenRule = RegistryTokenRule()
    ) {
        self.platform = platform
        self.keys = keys
        self.hostname = hostname
        self.library = library
        maximumLifetimeSeconds = rule.maximumLifetimeSeconds
    }

    /// The caller behind `token`, limited to what it grants.
    ///
    /// Errors: `.badCredentials` for a token that is not ours, not for us, or whose credential is gone; `.expiredToken`.
    package func caller(token: String) async throws -> Caller {
        let verified = try await verified(token)
        let now = platform.clock.now
        try Self.checkTimes(verified.notBefore, verified.expires, now: now)
        return try await caller(verified.credential, now: now).limited(to: verified.grants)
    }

    private func caller(_ credential: CredentialCheck.Reference, now: Date) async throws -> Caller {
        let remembered = memory.withLock { $0.callers[credential] }
        if let remembered, abs(now.timeIntervalSince(remembered.at)) < Self.memory { return remembered.caller }
        guard
            let caller = try await platform.database.read({ try CredentialCheck.caller(credential, now: now, in: $0) })
        else {
            memory.withLock { _ = $0.callers.removeValue(forKey: credential) }
            throw RegistryError(.badCredentials, "The credential behind this token is no longer valid.")
        }
        memory.withLock {
            if $0.callers.count >= Self.capacity { $0.callers.removeAll() }
            $0.callers[credential] = (caller, now)
        }
        return caller
    }

    private func verified(_ token: String) async throws -> Verified {
        if let known = memory.withLock({ $0.tokens[token] }) {
            guard keys.isAccepted(known.kid) else { throw Self.refused }
            return known
        }
        guard token.utf8.count <= Self.maximumLength else { throw Self.refused }
        let kid = try await checkHeader(of: token)
        let claims: RegistryTokenClaims
        do { claims = try await keys.verify(token, as: RegistryTokenClaims.self) } catch {
            throw RegistryError(.badCredentials, Self.refused.message, cause: error)
        }
        guard claims.iss == keys.service, claims.aud == hostname, let credential = claims.context.credential,
            claims.exp > claims.iat, claims.exp - claims.iat <= maximumLifetimeSeconds,
            claims.iat <= claims.nbf + Self.clockSkewSeconds
        else { throw Self.refused }
        let verified = Verified(
            credential: credential, grants: grants(claims.access), notBefore: max(claims.nbf, claims.iat),
            expires: claims.exp, kid: kid)
        memory.withLock {
            if $0.tokens.count >= Self.capacity { $0.tokens.removeAll() }
            $0.tokens[token] = verified
        }
        return verified
    }

    /// Only our algorithm and a key of ours: what else a header names (`jwk`, `jku`, `x5u`) is never looked at, and an
    /// extension that it calls critical is one that we don't understand. Answers the name of the key.
    private func checkHeader(of token: String) async throws -> String {
        let header: JWTHeader
        do { header = try Self.header(of: token) } catch {
            throw RegistryError(.badCredentials, Self.refused.message, cause: error)
        }
        guard header.alg == "RS256", header.crit == nil, let kid = header.kid, try await keys.isKnown(kid) else {
            throw Self.refused
        }
        return kid
    }

    private static func header(of token: String) throws -> JWTHeader {
        guard let part = token.split(separator: ".", omittingEmptySubsequences: false).first,
            let data = Data(base64Encoded: base64(part))
        else { throw refused }
        return try JSONDecoder().decode(JWTHeader.self, from: data)
    }

    private static func base64(_ text: Substring) -> String {
        let standard = text.replacingOccurrences(of: "-", with: "+").replacingOccurrences(of: "_", with: "/")
        return standard + String(repeating: "=", count: (4 - standard.utf8.count % 4) % 4)
    }

    /// A name that is no repository of ours opens nothing.
    private func grants(_ access: [RegistryTokenClaims.Access]) -> RegistryGrants {
        var roles: [RepositoryName: RepositoryRole] = [:]
        for entry in access where entry.type == "repository" {
            let text = "repository:\(entry.name):\(entry.actions.joined(separator: ","))"
            guard !entry.actions.isEmpty,
                case .success(let scope) = Result(catching: {
                    try RegistryTokenScope(text, hostname: hostname, library: library)
                }), let role = scope.actions.map(\.role).max()
            else { continue }
            roles[scope.repository] = max(role, roles[scope.repository] ?? role)
        }
        return RegistryGrants(roles)
    }

    private static func checkTimes(_ notBefore: Int64, _ expires: Int64, now: Date) throws {
        let seconds = Int64(now.timeIntervalSince1970)
        guard seconds < expires + clockSkewSeconds else {
            throw RegistryError(.expiredToken, "The token has expired.")
        }
        guard seconds >= notBefore - clockSkewSeconds else { throw refused }
    }

    private static let refused = RegistryError(.badCredentials, "Invalid bearer token.")
}
