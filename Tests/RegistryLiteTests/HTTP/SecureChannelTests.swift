import Foundation
import NIOCore
import OCI
import TestSupport
import Testing
import WebRequests

@testable import RegistryLite

/// The registry under TLS, as curl sees it with each protocol.
@Suite("TLS") struct SecureChannelTests {
    private let folder: TemporaryFolder
    private let certificates: TestCertificates

    init() async throws {
        folder = try TemporaryFolder()
        certificates = try await TestCertificates()
    }

    /// What curl printed, after it ended well.
    private func curl(_ arguments: [String]) async throws -> String {
        let curl = try ChildProcess(
            "curl", ["-sS", "--max-time", "60", "--cacert", certificates.authority] + arguments)
        let code = try await curl.exit(within: .seconds(90))
        #expect(code == 0, "\(curl.printed)")
        return curl.printed
    }

    @Test(
        "blobs go up, after 100 Continue, and come down whole and in parts",
        arguments: [("--http1.1", "1.1"), ("--http2", "2")])
    func transfers(option: String, version: String) async throws {
        let registry = try await LiveRegistry.start(certificates: certificates)
        let bearer = "Authorization: Bearer \(try await registry.pushToken())"
        let bytes = pattern(3_000_000)
        let digest = Digest(of: bytes)
        let (file, out) = (folder.path("blob"), folder.path("out"))
        try Data(bytes).write(to: URL(fileURLWithPath: file))
        let blob = "\(registry.base)/v2/owner/app/blobs/\(digest)"
        let post = try await curl([
            option, "-v", "-H", bearer, "-H", "Expect: 100-continue", "--data-binary", "@\(file)", "-w",
            "%{http_version} %{http_code}", "\(registry.base)/v2/owner/app/blobs/uploads/?digest=\(digest)",
        ])
        #expect(post.hasSuffix("\(version) 201"), "\(post)")
        #expect(post.contains("< HTTP/\(version) 100"), "\(post)")
        let get = try await curl([option, "-H", bearer, "-o", out, "-w", "%{http_version} %{http_code}", blob])
        #expect(get.hasSuffix("\(version) 200"))
        #expect(try Data(contentsOf: URL(fileURLWithPath: out)) == Data(bytes))
        let part = try await curl([option, "-H", bearer, "-r", "70000-70099", "-o", out, "-w", "%{http_code}", blob])
        #expect(part.hasSuffix("206"))
        #expect(try Data(contentsOf: URL(fileURLWithPath: out)) == Data(bytes[70_000..<70_100]))
        let head = try await curl([option, "-I", "-H", bearer, blob])
        #expect(head.lowercased().contains("content-length: 3000000"), "\(head)")
    }

    @Test("a refused upload ends without a broken connection", arguments: ["--http1.1", "--http2"])
    func refused(option: String) async throws {
        let registry = try await LiveRegistry.start(certificates: certificates)
        let file = folder.path("blob")
        try Data(pattern(5_000_000)).write(to: URL(fileURLWithPath: file))
        let answer = try await curl([
            option, "-i", "-H", "Expect: 100-continue", "--data-binary", "@\(file)",
            "\(registry.base)/v2/owner/app/blobs/uploads/?digest=\(Digest(of: []))",
        ])
        #expect(answer.contains(" 401"), "\(answer)")
        // What belongs to connections is no header of HTTP/2.
        #expect(answer.lowercased().contains("connection: close") == (option == "--http1.1"), "\(answer)")
    }

    @Test("a too long path and a wrong method get their errors", arguments: ["--http1.1", "--http2"])
    func errors(option: String) async throws {
        let registry = try await LiveRegistry.start(certificates: certificates)
        let long = "\(registry.base)/v2/\(String(repeating: "a", count: 9000))"
        #expect(try await curl([option, "-o", folder.path("out"), "-w", "%{http_code}", long]).hasSuffix("414"))
        let wrong = try await curl([
            option, "-X", "PUT", "-o", folder.path("out"), "-w", "%{http_code}", "\(registry.base)/v2/",
        ])
        #expect(wrong.hasSuffix("405"), "\(wrong)")
    }

    @Test("many uploads at once over one HTTP/2 connection keep their bytes apart") func multiplexed() async throws {
        let registry = try await LiveRegistry.start(certificates: certificates)
        let token = try await registry.pushToken()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for seed in 0..<12 {
                group.addTask {
                    let bytes = pattern(700_000, seed: seed)
                    let digest = try await registry.upload(bytes, token: token)
                    let answer = try await registry.send(.get, "/v2/owner/app/blobs/\(digest)", token: token)
                    #expect(answer.body == bytes)
                }
            }
            try await group.waitForAll()
        }
    }

    @Test("SEC-Resource exhaustion: a handshake that does not come is cut") func handshake() async throws {
        var limits = ConnectionLimits()
        limits.header = .milliseconds(300)
        let registry = try await LiveRegistry.start(certificates: certificates, limits: limits)
        let connection = try ServerPlumbingTests.Connection(registry.host)
        #expect(await connection.end() == "closed")
    }

    @Test("SEC-Key/issuer trust: less than TLS 1.2 is refused") func oldProtocol() async throws {
        let registry = try await LiveRegistry.start(certificates: certificates)
        let curl = try ChildProcess(
            "curl", ["-sS", "--tls-max", "1.1", "--ciphers", "DEFAULT@SECLEVEL=0", "-k", "\(registry.base)/v2/"])
        #expect(try await curl.exit() != 0)
    }

    @Test("plain HTTP on the port is no crash and no answer") func plain() async throws {
        let registry = try await LiveRegistry.start(certificates: certificates)
        let connection = try ServerPlumbingTests.Connection(registry.host)
        await connection.send("GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(await connection.end() == "closed")
        #expect(try await registry.send(.get, "/v2/").status == 401)
    }
}
