import CryptoExtras
import Foundation

/// An RSA key pair for git over SSH: the public line goes to the git host, the private key to the builder.
package struct SSHKeyPair: Sendable {
    /// One line as `authorized_keys` and git hosts want it: `ssh-rsa AAAA… comment`. Source: RFC 4253 section 6.6.
    package let publicLine: String
    /// The private key in PEM form (PKCS#1, `BEGIN RSA PRIVATE KEY`), which every OpenSSH reads: a secret.
    package let privatePEM: String

    /// A new key pair of 2048 bits. Takes up to a second of processor time: never on an event loop.
    ///
    /// The comment is shown by git hosts; characters that would end the line are dropped.
    package static func generate(comment: String) throws -> SSHKeyPair {
        let key = try _RSA.Signing.PrivateKey(keySize: .bits2048)
        let numbers = try key.publicKey.getKeyPrimitives()
        let blob =
            field(Array("ssh-rsa".utf8)) + field(integer(numbers.publicExponent)) + field(integer(numbers.modulus))
        let comment = String(comment.unicodeScalars.filter { !CharacterSet.controlCharacters.contains($0) })
        return SSHKeyPair(
            publicLine: "ssh-rsa \(Data(blob).base64EncodedString())" + (comment.isEmpty ? "" : " \(comment)"),
            privatePEM: key.pemRepresentation)
    }

    private static func field(_ bytes: [UInt8]) -> [UInt8] {
        withUnsafeBytes(of: UInt32(bytes.count).bigEndian) { Array($0) } + bytes
    }

    /// Big-endian two's complement: a leading zero keeps a high first bit from reading as a minus sign.
    private static func integer(_ bytes: Data) -> [UInt8] {
        let trimmed = Array(bytes.drop { $0 == 0 })
        return (trimmed.first ?? 0) >= 0x80 ? [0] + trimmed : trimmed
    }
}
