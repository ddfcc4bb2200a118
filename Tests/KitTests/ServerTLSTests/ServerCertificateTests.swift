import Foundation
import NIOSSL
import Runtime
import ServerTLS
import TestSupport
import Testing

@Suite("Server certificates") struct ServerCertificateTests {
    private let folder: TemporaryFolder
    private let files: CertificateFiles

    init() throws {
        folder = try TemporaryFolder()
        files = CertificateFiles(certificate: folder.path("ssl.cert"), key: folder.path("ssl.key"))
    }

    private func copy(_ certificates: TestCertificates, key: String? = nil) throws {
        for (from, to) in [
            (certificates.serverCertificate, files.certificate), (key ?? certificates.serverKey, files.key),
        ] {
            try Data(contentsOf: URL(fileURLWithPath: from)).write(to: URL(fileURLWithPath: to))
        }
    }

    private func clock(at now: Date) -> WallClock { WallClock(now: { now }, sleep: { _ in }) }

    @Test("what belongs together and is valid is served with; a second reading replaces it")
    func reloads() async throws {
        try copy(try await TestCertificates())
        let certificate = try ServerCertificate(files, applicationProtocols: ["h2"])
        let first = certificate.sslContextConfigurationOverride
        let context = certificate.context
        #expect(certificate.expires > Date() + 86_400)
        try copy(try await TestCertificates())
        #expect(certificate.sslContextConfigurationOverride.certificateChain == first.certificateChain)
        try certificate.reload()
        #expect(certificate.sslContextConfigurationOverride.certificateChain != first.certificateChain)
        #expect(certificate.context !== context)
    }

    @Test("a file that can't be used is named, and what was read before stays") func unusable() async throws {
        let good = try await TestCertificates()
        try copy(good)
        let certificate = try ServerCertificate(files, applicationProtocols: ["h2"])
        let chain = certificate.sslContextConfigurationOverride.certificateChain
        let cases: [(certificate: String?, key: String?, says: String)] = [
            (nil, nil, "can't be read"), ("", nil, "holds no certificate in PEM form"),
            ("garbage", nil, "holds no certificate in PEM form"),
            (
                "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", nil,
                "holds no certificate in PEM form"
            ),
            (try String(contentsOfFile: good.serverCertificate, encoding: .utf8), nil, "can't be read"),
            (try String(contentsOfFile: good.serverCertificate, encoding: .utf8), "garbage", "holds no private key"),
            (
                try String(contentsOfFile: good.serverCertificate, encoding: .utf8),
                "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
                "protected by a password"
            ),
            (
                try String(contentsOfFile: good.serverCertificate, encoding: .utf8),
                try String(contentsOfFile: good.clientKey, encoding: .utf8), "does not belong to the certificate"
            ),
        ]
        for (number, bad) in cases.enumerated() {
            for (path, text) in [(files.certificate, bad.certificate), (files.key, bad.key)] {
                if FileManager.default.fileExists(atPath: path) { try FileManager.default.removeItem(atPath: path) }
                if let text { try Data(text.utf8).write(to: URL(fileURLWithPath: path)) }
            }
            let error = #expect(throws: CertificateFiles.Unusable.self) { try certificate.reload() }
            let said = error?.description ?? ""
            #expect(said.contains(bad.says), "\(number): \(said)")
            #expect(said.contains(folder.path), "\(number): \(said)")
        }
        #expect(certificate.sslContextConfigurationOverride.certificateChain == chain)
    }

    @Test("a certificate out of its time is refused") func outOfTime() async throws {
        try copy(try await TestCertificates())
        for (days, says) in [(-10.0, "is valid only from"), (10, "has expired on")] {
            let error = #expect(throws: CertificateFiles.Unusable.self) {
                try ServerCertificate(
                    files, applicationProtocols: [], clock: clock(at: Date().addingTimeInterval(days * 86_400)))
            }
            #expect(error?.description.contains(says) == true)
        }
    }
}
