package import Foundation
import NIOCertificateReloading
package import NIOSSL
package import Runtime
import Synchronization

/// The certificate that a server shows, which may be read again while connections are open.
///
/// Each new handshake shows what was read last; connections that stand keep what they began with.
package final class ServerCertificate: Sendable, CertificateReloader {
    private let files: CertificateFiles
    private let applicationProtocols: [String]
    private let clock: WallClock
    private let content: Mutex<CertificateFiles.Content>

    /// Reads the files for the first time. Errors: ``CertificateFiles/Unusable``.
    /// - Parameter applicationProtocols: what the server speaks, by its ALPN names, the preferred one first.
    package init(
        _ files: CertificateFiles, applicationProtocols: [String], clock: WallClock = .system
    ) throws(CertificateFiles.Unusable) {
        self.files = files
        self.applicationProtocols = applicationProtocols
        self.clock = clock
        content = Mutex(try files.load(applicationProtocols: applicationProtocols, now: clock.now))
    }

    /// Reads the files again. Errors: ``CertificateFiles/Unusable``; then everything stays as it was.
    package func reload() throws(CertificateFiles.Unusable) {
        let new = try files.load(applicationProtocols: applicationProtocols, now: clock.now)
        content.withLock { $0 = new }
    }

    /// The moment from which clients refuse what is shown now.
    package var expires: Date { content.withLock { $0.expires } }

    /// For the next handshake.
    package var context: NIOSSLContext { content.withLock { $0.context } }

    /// For the next handshake of a server that keeps a context of its own.
    package var sslContextConfigurationOverride: NIOSSLContextConfigurationOverride {
        let (chain, key) = content.withLock { ($0.chain, $0.key) }
        var override = NIOSSLContextConfigurationOverride()
        override.certificateChain = chain.map { .certificate($0) }
        override.privateKey = .privateKey(key)
        return override
    }
}
