import Foundation
import WebRequests

/// Whom the agent believes when it fetches a build pack or speaks to the registry: the machine's authorities, and those of
/// the files that TLS_CERT_PATH and SSL_CERT_FILE name, since a registry may have an authority of its own.
enum AgentTrust {
    static func trust(_ environment: [String: String] = ProcessInfo.processInfo.environment) -> TLSTrust {
        let files = ["TLS_CERT_PATH", "SSL_CERT_FILE"].compactMap { environment[$0] }.filter { !$0.isEmpty }
        let readable = Set(files).filter { FileManager.default.isReadableFile(atPath: $0) }.sorted()
        return TLSTrust(
            authorities: readable.isEmpty ? .system : .systemAnd(readable.map { TLSTrust.PEM.file(path: $0) }))
    }
}
