package import Logging
import ServiceLifecycle
import UnixSignals

/// Reads a server's certificate again whenever the process gets SIGHUP. Without a certificate the signal does nothing,
/// instead of ending the process.
package struct HangUpSignal: Service {
    private let certificate: ServerCertificate?
    private let logger: Logger

    private let afterwards: @Sendable () throws -> Void

    /// - Parameter afterwards: what else must follow a new certificate.
    package init(
        certificate: ServerCertificate?, logger: Logger, afterwards: @escaping @Sendable () throws -> Void = {}
    ) {
        self.certificate = certificate
        self.logger = logger
        self.afterwards = afterwards
    }

    package func run() async throws {
        for await _ in await UnixSignalsSequence(trapping: .sighup).cancelOnGracefulShutdown() {
            guard let certificate else {
                logger.notice("SIGHUP: there is no certificate to read again")
                continue
            }
            do { try certificate.reload() } catch {
                logger.error("the certificate was not read again, the old one stays: \(error)")
                continue
            }
            logger.notice("the certificate has been read again", metadata: ["expires": "\(certificate.expires)"])
            do { try afterwards() } catch { logger.error("what follows a new certificate failed: \(error)") }
        }
    }
}
