import Foundation
import Subprocess

/// A machine's document as EC2 hands it on: as it is, or packed into another one where it would be too long.
///
/// Ignition takes no packed user data, but one document may hold another, packed, that replaces it. Source: Ignition's
/// specification 3.1.0, `ignition.config.replace`; Amazon EC2 User Guide, "Run commands at launch".
enum UserData {
    /// Before it is encoded for the way.
    static let maximumBytes = 16_384

    private struct Envelope: Encodable {
        struct Header: Encodable {
            let version = "3.1.0"
            let config: Config
        }
        struct Config: Encodable { let replace: Replacement }
        struct Replacement: Encodable {
            let compression = "gzip"
            let source: String
        }
        let ignition: Header
    }

    /// Throws ``ExecutorFailure`` when even the packed form is too long.
    static func of(_ document: String) async throws -> [UInt8] {
        let plain = Array(document.utf8)
        if plain.count <= maximumBytes { return plain }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let source = "data:;base64," + Data(try await packed(plain)).base64EncodedString()
        let envelope = Array(
            try encoder.encode(Envelope(ignition: .init(config: .init(replace: .init(source: source))))))
        guard envelope.count <= maximumBytes else {
            throw ExecutorFailure(
                "The machine's Ignition document has \(plain.count) bytes, \(envelope.count) packed, and EC2 takes "
                    + "\(maximumBytes): name fewer authorities (CA_CERT, EXTRA_CA_CERTS, extra_ca_cert_* beside the "
                    + "configuration) and SSH_AUTHORIZED_KEYS, or put them into an image of your own (COREOS_AMI).")
        }
        return envelope
    }

    private static func packed(_ bytes: [UInt8]) async throws -> [UInt8] {
        do {
            let result = try await run(
                .name("gzip"), arguments: ["-9", "-n", "-c"], input: .array(bytes), output: .bytes(limit: 1 << 20))
            guard result.terminationStatus.isSuccess else { throw ExecutorFailure("it failed") }
            return result.standardOutput
        } catch {
            throw ExecutorFailure("The machine's Ignition document can't be packed by gzip: \(error)")
        }
    }
}
