import Domain
package import Foundation
import JWTKit
import NIOPosix
import Runtime
import SQL
package import Secrets
import Synchronization

/// The keys that sign registry tokens: kept encrypted in the database, shared by all replicas, replaced in time.
///
/// A key is published in the key set (`/keys/services/quay/keys`) before it signs, signs until it retires, and is accepted
/// and published until the last token that it signed has expired. Nobody but the registry itself replaces a key.
package actor ServiceKeys {
    /// How long a verifier may keep the key set, in seconds: a new key signs nothing before that, if an older one can.
    package static let publicationLead: TimeInterval = 60
    /// How long a key is accepted after it has signed its last token: an hour, what clocks may differ, and a little.
    /// Tokens that live longer keep their key for longer.
    package static let graceTime: TimeInterval = 3600 + 90
    /// What clocks may differ, in seconds.
    private static let clockSkew: TimeInterval = 30

    private let platform: Platform
    private let rule: ServiceKeyRule
    /// The service's name: the issuer of its tokens.
    package nonisolated var service: String { rule.service }
    private let keys = JWTKeyCollection()
    private var known: [String: Known] = [:]
    /// The names of the known keys, for whoever can't wait for the actor.
    private nonisolated let accepted = Mutex<Set<String>>([])
    private var lastLook: Date?
    /// The look that is under way for names that nobody knew.
    private var looking: Task<Void, any Error>?

    private struct Known {
        let publicJWK: SigningKey.PublicJWK
        let created: Date
        let retires: Date
        var expires: Date
    }

    package init(platform: Platform, rule: ServiceKeyRule = ServiceKeyRule()) {
        self.platform = platform
        self.rule = rule
    }

    package init(platform: Platform, service: String) {
        self.init(platform: platform, rule: ServiceKeyRule(service: service))
    }

    /// The name of the key to sign with now, after it has been made where none lives.
    package func signingKeyID() async throws -> String {
        if let kid = signingKey(at: platform.clock.now) { return kid }
        try await reload()
        if let kid = signingKey(at: platform.clock.now) { return kid }
        try await create(unlessYoungerThan: rule.signingTime)
        guard let kid = signingKey(at: platform.clock.now) else {
            throw RegistryError(.internalError, "No service key could be made.")
        }
        return kid
    }

    /// Looks at the database, so that keys of other replicas are known and revoked ones are not, and makes the next key
    /// when it is time.
    func refresh() async throws {
        try await reload()
        let due = platform.clock.now.addingTimeInterval(-rule.refreshTime)
        guard !known.values.contains(where: { $0.created > due }) else { return }
        try await create(unlessYoungerThan: rule.refreshTime)
    }

    /// Signs `claims` with today's key, which is then accepted until `expiry` at least.
    func sign(_ claims: some JWTPayload, until expiry: Date) async throws -> String {
        // A key may be revoked between the choice and its use: the next one serves.
        for _ in 0..<2 {
            let kid = try await signingKeyID()
            if try await keep(kid, until: expiry.addingTimeInterval(Self.clockSkew)) {
                return try await keys.sign(claims, kid: JWKIdentifier(string: kid))
            }
            try await reload()
        }
        throw RegistryError(.unavailable, "The registry's key is being replaced: try again.")
    }

    /// Whether a key of that name is accepted. An unknown name makes it look in the database, at most once a second, since
    /// another replica may have made a key.
    func isKnown(_ kid: String) async throws -> Bool {
        if known[kid] != nil { return true }
        // After a start many ask at once, and nobody may be told "no" before the first look has ended.
        if looking == nil {
            if let lastLook, abs(platform.clock.now.timeIntervalSince(lastLook)) < 1 { return false }
            looking = Task {
                defer { looking = nil }
                try await reload()
            }
        }
        try await looking?.value
        return known[kid] != nil
    }

    /// Whether a key that was known still is: false within seconds after it has been revoked.
    nonisolated func isAccepted(_ kid: String) -> Bool { accepted.withLock { $0.contains(kid) } }

    /// The claims of a token whose key is known. Throws JWTKit's errors for a wrong signature.
    func verify<Claims: JWTPayload>(_ token: String, as type: Claims.Type) async throws -> Claims {
        try await keys.verify(token, as: type)
    }

    /// The public halves of the accepted keys, for other services to verify our tokens with.
    package func publicKeys() async throws -> [SigningKey.PublicJWK] {
        _ = try await signingKeyID()
        try await reload()
        return known.values.map(\.publicJWK).sorted { $0.kid < $1.kid }
    }

    /// Ends a key at once: nothing that it signed is accepted any more, here now and by other replicas within seconds.
    package func revoke(_ kid: String) async throws {
        let service = self.service
        try await platform.database.write { try KeyStore.delete(kid, of: service, in: $0) }
        try await reload()
    }

    /// The newest key that every verifier can know; while there is none, the newest of all.
    private func signingKey(at now: Date) -> String? {
        let usable = known.filter { $0.value.retires > now }
        let published = usable.filter { $0.value.created <= now.addingTimeInterval(-Self.publicationLead) }
        return (published.isEmpty ? usable : published).max {
            ($0.value.created, $0.key) < ($1.value.created, $1.key)
        }?.key
    }

    /// Makes sure that a key is accepted until `moment`; false when the key is gone.
    private func keep(_ kid: String, until moment: Date) async throws -> Bool {
        guard let key = known[kid] else { return false }
        guard key.expires < moment else { return true }
        let service = self.service
        let isThere = try await platform.database.write {
            try KeyStore.extend(kid, of: service, until: moment, in: $0)
        }
        if isThere { known[kid]?.expires = moment }
        return isThere
    }

    private func reload() async throws {
        let now = platform.clock.now
        let service = self.service
        let stored = try await platform.database.read { try KeyStore.live(of: service, at: now, in: $0) }
        for key in stored {
            if known[key.kid] == nil { try await load(key) } else { known[key.kid]?.expires = key.expires }
        }
        let live = Set(stored.map(\.kid))
        for kid in known.keys where !live.contains(kid) {
            known[kid] = nil
            await keys.remove(kid: JWKIdentifier(string: kid))
        }
        let names = Set(known.keys)
        accepted.withLock { $0 = names }
        // Only a look that succeeded says anything about names that it did not find.
        lastLook = now
    }

    private func load(_ stored: KeyStore.Stored) async throws {
        let pem = try platform.cipher.decrypt(stored.privateKeyCipher, for: Self.field(stored.kid))
        await keys.add(
            rsa: try Insecure.RSA.PrivateKey(pem: pem), digestAlgorithm: .sha256, kid: JWKIdentifier(string: stored.kid)
        )
        // JWTKit falls back to a default key for names it does not know: there is none to fall back to.
        await keys.clearDefault()
        known[stored.kid] = Known(
            publicJWK: try JSONDecoder().decode(SigningKey.PublicJWK.self, from: Data(stored.publicJWK.utf8)),
            created: stored.created, retires: stored.retires, expires: stored.expires)
    }

    private func create(unlessYoungerThan age: TimeInterval) async throws {
        let key = try await NIOThreadPool.singleton.runIfActive { try SigningKey.generate() }
        let now = platform.clock.now
        let retires = now.addingTimeInterval(rule.signingTime)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let stored = KeyStore.Stored(
            kid: key.keyID, publicJWK: String(decoding: try encoder.encode(key.publicJWK), as: UTF8.self),
            privateKeyCipher: try platform.cipher.encrypt(key.privatePEM, for: Self.field(key.keyID)), created: now,
            retires: retires, expires: retires.addingTimeInterval(Self.graceTime))
        let service = self.service
        let newest = now.addingTimeInterval(-age)
        try await platform.database.write { transaction in
            try KeyStore.deleteExpired(at: now, in: transaction)
            // Another replica may have been faster: its key serves both.
            let live = try KeyStore.live(of: service, at: now, in: transaction)
            guard !live.contains(where: { $0.retires > now && $0.created > newest }) else { return }
            try KeyStore.insert(stored, service: service, in: transaction)
        }
        try await reload()
    }

    private static func field(_ kid: String) -> FieldCipher.Field {
        FieldCipher.Field(table: "service_key", column: "private_key_cipher", row: kid)
    }
}
