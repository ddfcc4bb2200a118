import Foundation
import TestSupport
import Testing

@testable import Buildman

@Suite("User data of EC2") struct UserDataTests {
    /// A document with a certificate of so many lines that nothing can be made shorter of.
    static func document(lines: Int) throws -> String {
        var settings = BuilderMachineTests.settings
        var state: UInt64 = 1
        let body = (0..<lines).map { _ in
            Data(
                (0..<48).map { _ in
                    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                    return UInt8(truncatingIfNeeded: state >> 33)
                }
            ).base64EncodedString()
        }
        settings.authorityPEM =
            "-----BEGIN CERTIFICATE-----\n\(body.joined(separator: "\n"))\n-----END CERTIFICATE-----\n"
        return try BuilderMachine(settings).document(for: BuilderMachineTests.launch())
    }

    @Test("is the document itself where that fits") func plain() async throws {
        let document = try Self.document(lines: 20)
        #expect(document.utf8.count < UserData.maximumBytes)
        #expect(try await UserData.of(document) == Array(document.utf8))
    }

    @Test("is packed where it would be too long, and Ignition reads that") func packed() async throws {
        let document = try Self.document(lines: 180)
        #expect(document.utf8.count > UserData.maximumBytes)
        let packed = try await UserData.of(document)
        #expect(packed.count <= UserData.maximumBytes)

        let folder = try TemporaryFolder()
        let path = try folder.write(String(decoding: packed, as: UTF8.self), to: "config.ign")
        let fetch = try ChildProcess(
            IgnitionProgramTests.program,
            [
                "-root", folder.path("root"), "-stage", "fetch", "-platform", "file", "-config-cache",
                folder.path("cache"), "-state-file", folder.path("state"), "-neednet", folder.path("neednet"),
                "-log-to-stdout",
            ], environment: ["IGNITION_CONFIG_FILE": path])
        #expect(try await fetch.exit(within: .seconds(60)) == 0, "\(fetch.printed)")
        struct Cache: Decodable {
            struct Storage: Decodable { let files: [File] }
            struct File: Decodable {
                struct Contents: Decodable { let source: String }
                let path: String
                let contents: Contents
            }
            let storage: Storage
        }
        let cache = try JSONDecoder().decode(Cache.self, from: Data(folder.read("cache").utf8))
        let meant = try JSONDecoder().decode(Cache.self, from: Data(document.utf8))
        func sources(_ cache: Cache) -> [String: String] {
            Dictionary(uniqueKeysWithValues: cache.storage.files.map { ($0.path, $0.contents.source) })
        }
        #expect(sources(cache) == sources(meant))
    }

    @Test("is refused where even that is too long, with what can be left out") func tooLong() async throws {
        let document = try Self.document(lines: 400)
        let error = await #expect(throws: ExecutorFailure.self) { try await UserData.of(document) }
        #expect(error?.description.contains("16384") == true && error?.description.contains("CA_CERT") == true)
    }
}
