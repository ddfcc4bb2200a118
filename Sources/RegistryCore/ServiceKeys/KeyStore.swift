import Foundation
import SQL

/// All SQL on `service_key`.
enum KeyStore {
    struct Stored: Sendable {
        let kid: String
        let publicJWK: String
        let privateKeyCipher: String
        let created: Date
        /// From here on the key signs nothing new.
        let retires: Date
        /// From here on nothing it signed is accepted.
        let expires: Date
    }

    /// The keys of a service that are accepted at `moment`, newest first.
    static func live(of service: String, at moment: Date, in transaction: any Transaction) throws -> [Stored] {
        try transaction.rows(
            """
            SELECT kid, public_jwk, private_key_cipher, created_ms, retires_ms, expires_ms FROM service_key
            WHERE service = \(service) AND expires_ms > \(moment) ORDER BY created_ms DESC, kid
            """
        ).map {
            Stored(
                kid: try $0.text("kid"), publicJWK: try $0.text("public_jwk"),
                privateKeyCipher: try $0.text("private_key_cipher"), created: try $0.date("created_ms"),
                retires: try $0.date("retires_ms"), expires: try $0.date("expires_ms"))
        }
    }

    static func insert(_ key: Stored, service: String, in transaction: any Transaction) throws {
        try transaction.run(
            """
            INSERT INTO service_key (kid, service, public_jwk, private_key_cipher, created_ms, retires_ms, expires_ms)
            VALUES (\(key.kid), \(service), \(key.publicJWK), \(key.privateKeyCipher), \(key.created), \(key.retires),
                \(key.expires))
            """)
    }

    /// Lets a key be accepted until `moment` at least; false when there is no such key.
    static func extend(
        _ kid: String, of service: String, until moment: Date, in transaction: any Transaction
    ) throws -> Bool {
        try transaction.run(
            """
            UPDATE service_key SET expires_ms = CASE WHEN expires_ms < \(moment) THEN \(moment) ELSE expires_ms END
            WHERE kid = \(kid) AND service = \(service)
            """) > 0
    }

    static func delete(_ kid: String, of service: String, in transaction: any Transaction) throws {
        try transaction.run("DELETE FROM service_key WHERE kid = \(kid) AND service = \(service)")
    }

    static func deleteExpired(at moment: Date, in transaction: any Transaction) throws {
        try transaction.run("DELETE FROM service_key WHERE expires_ms <= \(moment)")
    }
}
