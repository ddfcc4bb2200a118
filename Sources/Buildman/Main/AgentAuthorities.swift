import Foundation
import RegistryCore

/// The file of authorities that builders of this machine believe: the machine's own, the servers' certificate and the
/// `extra_ca_cert_*` of the configuration. Builders can't read the configuration's folder.
struct AgentAuthorities: Sendable {
    private static let machine = "/etc/ssl/certs/ca-certificates.crt"

    /// Where builders find it.
    let path: String
    private let files: [String]

    /// Nil when the machine's own authorities are enough: nothing of the configuration is served or believed.
    /// - Parameter folder: where builders of this machine live; anybody may pass through it.
    init?(_ server: ServerSection, folder: String) {
        let own = [server.certificate?.certificate].compactMap { $0 } + server.extraAuthorityFiles
        guard server.scheme == .https, !own.isEmpty else { return nil }
        path = "\(folder)/authorities.pem"
        files = (FileManager.default.fileExists(atPath: Self.machine) ? [Self.machine] : []) + own
    }

    /// Writes the file anew. Errors: ``Failure`` that names what can't be read or written.
    func write() throws {
        do {
            let texts = try files.map { try String(contentsOfFile: $0, encoding: .utf8) }
            let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o711])
            try Data(texts.joined(separator: "\n").utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
            try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: path)
        } catch {
            throw Failure("The authorities of builders can't be written to \(path): \(error.localizedDescription)")
        }
    }
}
