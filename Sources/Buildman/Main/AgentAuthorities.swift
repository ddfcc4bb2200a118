import Foundation
import RegistryCore

/// The file of authorities that builders of this machine believe: the machine's own, the servers' certificate and the
/// `extra_ca_cert_*` of the configuration. Builders can't read the configuration's folder.
struct AgentAuthorities: Sendable {
    private static let machine = "/etc/ssl/certs/ca-certificates.crt"

    /// Where builders find it.
    let path: String
    private let files: [String]
    private let pem: String?

    /// Nil when the machine's own authorities are enough: nothing of the configuration is served or believed.
    /// - Parameters:
    ///   - agentsDialTLS: agents reach this manager by TLS, whatever the registry speaks.
    ///   - folder: where builders of this machine live; anybody may pass through it.
    ///   - executor: whose CA_CERT stands in for the servers' certificate, and whose EXTRA_CA_CERTS count too.
    init?(
        _ server: ServerSection, agentsDialTLS: Bool, folder: String, executor: ExecutorSettings? = nil
    ) {
        pem = executor?.authorityPEM
        let own =
            [pem == nil ? server.certificate?.certificate : nil].compactMap { $0 } + server.extraAuthorityFiles
            + (executor?.extraAuthorityFiles ?? [])
        guard server.scheme == .https || agentsDialTLS, !own.isEmpty || pem != nil else { return nil }
        path = "\(folder)/authorities.pem"
        files = (FileManager.default.fileExists(atPath: Self.machine) ? [Self.machine] : []) + own
    }

    /// What stands in the file. Errors: those of reading files.
    func text() throws -> String {
        (try files.map { try String(contentsOfFile: $0, encoding: .utf8) } + [pem].compactMap { $0 })
            .joined(separator: "\n")
    }

    /// Writes the file anew. Errors: ``Failure`` that names what can't be read or written.
    func write() throws {
        do {
            let text = try self.text()
            let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o711])
            try Data(text.utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
            try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: path)
        } catch {
            throw Failure("The authorities of builders can't be written to \(path): \(error.localizedDescription)")
        }
    }
}
