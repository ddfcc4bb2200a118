import Foundation
import NIOSSL
import Runtime

/// The PEM files of a server's certificate, as they stand on the disk.
package struct CertificateFiles: Sendable, Hashable {
    /// The server's own certificate first, then those between it and the authority.
    package let certificate: String
    package let key: String

    package init(certificate: String, key: String) {
        self.certificate = certificate
        self.key = key
    }

    /// Why the files can't be served with: a sentence that names the file.
    package struct Unusable: Error, Sendable, Hashable, CustomStringConvertible {
        package let description: String
    }

    /// What the files hold, once it has been looked at: chain and key that belong together and are valid at `now`.
    struct Content: Sendable {
        let chain: [NIOSSLCertificate]
        let key: NIOSSLPrivateKey
        /// The moment from which clients refuse the server's own certificate.
        let expires: Date
        let context: NIOSSLContext
    }

    /// Reads both files. Errors: ``Unusable``.
    func load(applicationProtocols: [String], now: Date) throws(Unusable) -> Content {
        let chain = try certificates()
        let key = try privateKey()
        guard let first = chain.first else {
            throw Unusable(description: "The certificate \(certificate) holds no certificate in PEM form.")
        }
        let (start, end) = (Self.date(first.notValidBefore), Self.date(first.notValidAfter))
        guard now < end else {
            throw Unusable(description: "The certificate \(certificate) has expired on \(Self.day(end)).")
        }
        guard start <= now else {
            throw Unusable(description: "The certificate \(certificate) is valid only from \(Self.day(start)) on.")
        }
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = applicationProtocols
        do {
            return Content(
                chain: chain, key: key, expires: end, context: try NIOSSLContext(configuration: configuration))
        } catch {
            throw Unusable(description: "The key \(self.key) does not belong to the certificate \(certificate).")
        }
    }

    private func certificates() throws(Unusable) -> [NIOSSLCertificate] {
        let bytes = try bytes(of: certificate, "certificate")
        do { return try NIOSSLCertificate.fromPEMBytes(bytes) } catch {
            throw Unusable(description: "The certificate \(certificate) holds no certificate in PEM form.")
        }
    }

    private func privateKey() throws(Unusable) -> NIOSSLPrivateKey {
        let bytes = try bytes(of: key, "key")
        do { return try NIOSSLPrivateKey(bytes: bytes, format: .pem) } catch {
            let isLocked = String(decoding: bytes, as: UTF8.self).contains("ENCRYPTED")
            throw Unusable(
                description: isLocked
                    ? "The key \(key) is protected by a password: a server needs one without."
                    : "The key \(key) holds no private key in PEM form.")
        }
    }

    private func bytes(of path: String, _ what: String) throws(Unusable) -> [UInt8] {
        do { return [UInt8](try Data(contentsOf: URL(fileURLWithPath: path))) } catch {
            throw Unusable(description: "The \(what) \(path) can't be read: \(error.localizedDescription)")
        }
    }

    private static func date(_ seconds: time_t) -> Date { Date(timeIntervalSince1970: TimeInterval(seconds)) }

    private static func day(_ date: Date) -> String {
        date.formatted(.iso8601.year().month().day().time(includingFractionalSeconds: false)) + "Z"
    }
}
