import Crypto
import Domain
import Foundation
import Runtime
import Secrets
import TestSupport

@testable import RegistryCore

/// Makes tokens that differ from genuine ones in one thing, signed by whatever key a case wants.
struct TokenForge {
    typealias Fields = [String: Any]

    /// The manager's own key: who signs with it is stopped by claims alone.
    let key: SigningKey
    private let header: Fields
    private let claims: Fields

    /// Reads the key that signed `genuine` from the manager's database.
    init(like genuine: String, of manager: ManagerFixture) async throws {
        let parts = genuine.split(separator: ".").map(String.init)
        header = try Self.fields(parts[0])
        claims = try Self.fields(parts[1])
        let now = manager.platform.clock.now
        let stored = try await manager.database.read { try KeyStore.live(of: "buildman", at: now, in: $0) }
        guard let first = stored.first else { throw CancellationError() }
        key = try SigningKey(
            pem: manager.platform.cipher.decrypt(
                first.privateKeyCipher,
                for: FieldCipher.Field(table: "service_key", column: "private_key_cipher", row: first.kid)))
    }

    /// A token with other fields; a value of NSNull takes a field away.
    /// - Parameter sign: nil for the manager's own key and RS256.
    func token(
        header: Fields = [:], claims: Fields = [:], context: Fields = [:], sign: (([UInt8]) throws -> [UInt8])? = nil
    ) throws -> String {
        let inner = Self.merge(self.claims["context"] as? Fields ?? [:], context)
        let payload = Self.merge(Self.merge(self.claims, ["context": inner]), claims)
        let text = try [Self.merge(self.header, header), payload].map {
            Base64URL.encode(try JSONSerialization.data(withJSONObject: $0))
        }.joined(separator: ".")
        let signature = try (sign ?? { try key.signature(for: $0) })(Array(text.utf8))
        return "\(text).\(Base64URL.encode(Data(signature)))"
    }

    /// HS256 under `secret`, as a verifier would check it that takes the algorithm from the token.
    static func hs256(_ secret: String) -> ([UInt8]) -> [UInt8] {
        { Array(HMAC<SHA256>.authenticationCode(for: Data($0), using: SymmetricKey(data: Data(secret.utf8)))) }
    }

    private static func fields(_ part: String) throws -> Fields {
        try JSONSerialization.jsonObject(with: Base64URL.decode(part).map { Data($0) } ?? Data()) as? Fields ?? [:]
    }

    private static func merge(_ fields: Fields, _ changes: Fields) -> Fields {
        fields.merging(changes) { $1 }.filter { !($0.value is NSNull) }
    }
}
