import Domain
package import Foundation
import JWTKit
import NIOPosix
import Runtime
import SQL
package import Secrets

/// The keys that sign registry tokens: kept encrypted in the database, shared by all replicas, replaced in time.
///
/// A key signs for ``signingTime`` and is accepted until its tokens have expired; its public half stands in the key set
/// that `/keys/services/quay/keys` shows. Nobody but the registry itself replaces a key.
package actor ServiceKeys {
    /// How long a key signs.
    package static let signingTime: TimeInterval = 24 * 3600
    /// How long a key is accepted after it has signed its last token: longer than any token lives.
    package static let graceTime: TimeInterval = 2 * 3600

    private let platform: Platform
    /// The service's name: the issuer of its tokens.
    package nonisolated let service: String
    private let keys = JWTKeyCollection()
    private var known: [String: SigningKey.PublicJWK] = [:]
    private var signing: (kid: String, until: Date)?
    private var lastLook: Date?

    package init(platform: Platform, service: String = "quay") {
        self.platform = platform
        self.service = service
    }

    /// The name of the key to sign with now, after it has been made where none lives.
    package func signingKeyID() async throws -> String {
        let now = platform.clock.now
        if let signing, signing.until > now { return signing.kid }
        try await reload()
        if let signing, signing.until > now { return signing.kid }
        try await create()
        guard let signing else {
            throw RegistryError(.internalError, "No service key could be made.")
        }
        return signing.kid
    }

    /// Signs `claims` with today's key.
    func sign(_ claims: some JWTPayload) async throws -> String {
        let kid = try await signingKeyID()
        return try await keys.sign(claims, kid: JWKIdentifier(string: kid))
    }

    /// Whether a key of that name is accepted. An unknown name makes it look in the database, at most once a second, since
    /// another replica may have made a key.
    func isKnown(_ kid: String) async throws -> Bool {
        if known[kid] != nil { return true }
        let now = platform.clock.now
        if let lastLook, abs(now.timeIntervalSince(lastLook)) < 1 { return false }
        try await reload()
        return known[kid] != nil
    }

    /// The claims of a token whose key is known. Throws JWTKit's errors for a wrong signature.
    func verify<Claims: JWTPayload>(_ token: String, as type: Claims.Type) async throws -> Claims {
        try await keys.verify(token, as: type)
    }

    /// The public halves of the accepted keys, for other services to verify our tokens with.
    package func publicKeys() async throws -> [SigningKey.PublicJWK] {
        _ = try await signingKeyID()
        try await reload()
        return known.values.sorted { $0.kid < $1.kid }
    }

    private func reload() async throws {
        let now = platform.clock.now
        lastLook = now
        let service = self.service
        let stored = try await platform.database.read { try KeyStore.live(of: service, at: now, in: $0) }
        for key in stored where known[key.kid] == nil { try await load(key) }
        let live = Set(stored.map(\.kid))
        for kid in known.keys where !live.contains(kid) {
            known[kid] = nil
            await keys.remove(kid: JWKIdentifier(string: kid))
        }
        if let newest = stored.first(where: { $0.retires > now }) { signing = (newest.kid, newest.retires) }
    }

    private func load(_ stored: KeyStore.Stored) async throws {
        let pem = try platform.cipher.decrypt(stored.privateKeyCipher, for: Self.field(stored.kid))
        await keys.add(
            rsa: try Insecure.RSA.PrivateKey(pem: pem), digestAlgorithm: .sha256, kid: JWKIdentifier(string: stored.kid)
        )
        // JWTKit falls back to a default key for names it does not know: there is none to fall back to.
        await keys.clearDefault()
        known[stored.kid] = try JSONDecoder().decode(SigningKey.PublicJWK.self, from: Data(stored.publicJWK.utf8))
    }

    private func create() async throws {
        let key = try await NIOThreadPool.singleton.runIfActive { try SigningKey.generate() }
        let now = platform.clock.now
        let retires = now.addingTimeInterval(Self.signingTime)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let stored = KeyStore.Stored(
            kid: key.keyID, publicJWK: String(decoding: try encoder.encode(key.publicJWK), as: UTF8.self),
            privateKeyCipher: try platform.cipher.encrypt(key.privatePEM, for: Self.field(key.keyID)), created: now,
            retires: retires, expires: retires.addingTimeInterval(Self.graceTime))
        let service = self.service
        try await platform.database.write { transaction in
            try KeyStore.deleteExpired(at: now, in: transaction)
            // Another replica may have been faster: its key serves both.
            let live = try KeyStore.live(of: service, at: now, in: transaction)
            guard !live.contains(where: { $0.retires > now }) else { return }
            try KeyStore.insert(stored, service: service, in: transaction)
        }
        try await reload()
    }

    private static func field(_ kid: String) -> FieldCipher.Field {
        FieldCipher.Field(table: "service_key", column: "private_key_cipher", row: kid)
    }
}
