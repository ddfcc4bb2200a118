import Crypto
import CryptoExtras
import Foundation

/// An RSA key pair that signs JSON Web Tokens with RS256, and its public forms.
package struct SigningKey: Sendable {
    /// The public half as a JSON Web Key. Source: RFC 7517, RFC 7518 section 6.3.
    package struct PublicJWK: Sendable, Hashable, Codable {
        package let kty: String
        package let kid: String
        package let n: String
        package let e: String
        package let use: String
        package let alg: String
    }

    /// The text is not an RSA private key of 2048 bits or more. The text itself is not repeated.
    package struct Malformed: Error, CustomStringConvertible {
        package var description: String { "Not an RSA private key of 2048 bits or more in PEM form." }
    }

    private let key: _RSA.Signing.PrivateKey
    package let publicJWK: PublicJWK

    /// The name of the key: its thumbprint, so that the same key always has the same name. Source: RFC 7638.
    package var keyID: String { publicJWK.kid }

    /// A new key of 2048 bits. Takes up to a second of processor time: never on an event loop.
    package static func generate() throws -> SigningKey {
        try SigningKey(_RSA.Signing.PrivateKey(keySize: .bits2048))
    }

    /// Reads a private key (PKCS#1 or PKCS#8) of 2048 bits or more.
    package init(pem: String) throws(Malformed) {
        do { self = try SigningKey(_RSA.Signing.PrivateKey(pemRepresentation: pem)) } catch { throw Malformed() }
    }

    private init(_ key: _RSA.Signing.PrivateKey) throws {
        self.key = key
        let numbers = try key.publicKey.getKeyPrimitives()
        let n = Base64URL.encode(numbers.modulus)
        let e = Base64URL.encode(numbers.publicExponent)
        // RFC 7638: the required members only, in this order, without blanks.
        let thumbprint = SHA256.hash(data: Data(#"{"e":"\#(e)","kty":"RSA","n":"\#(n)"}"#.utf8))
        self.publicJWK = PublicJWK(
            kty: "RSA", kid: Base64URL.encode(thumbprint), n: n, e: e, use: "sig", alg: "RS256")
    }

    /// The private key as PEM (PKCS#8): a secret.
    package var privatePEM: String { key.pkcs8PEMRepresentation }

    /// The public key as PEM.
    package var publicPEM: String { key.publicKey.pemRepresentation }

    /// The RS256 signature (PKCS#1 v1.5, SHA-256) of `message`.
    package func signature(for message: some Sequence<UInt8>) throws -> [UInt8] {
        let digest = SHA256.hash(data: Data(message))
        return [UInt8](try key.signature(for: digest, padding: .insecurePKCS1v1_5).rawRepresentation)
    }

    /// Whether `signature` is this key's RS256 signature of `message`.
    package func isValid(_ signature: [UInt8], for message: some Sequence<UInt8>) -> Bool {
        key.publicKey.isValidSignature(
            _RSA.Signing.RSASignature(rawRepresentation: Data(signature)), for: SHA256.hash(data: Data(message)),
            padding: .insecurePKCS1v1_5)
    }
}
