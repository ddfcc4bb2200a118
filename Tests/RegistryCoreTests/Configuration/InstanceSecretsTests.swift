import Foundation
import RegistryCore
import Runtime
import Testing

@Suite("Secrets of an installation") struct InstanceSecretsTests {
    @Test("are made once, readable by their owner alone, and the same for everyone who starts at once")
    func made() async throws {
        let folder = try ConfigurationFolder()
        let configuration = try folder.load()
        let all = try await withThrowingTaskGroup(of: String.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    let secrets = try InstanceSecrets.loadOrCreate(for: configuration, randomness: .system)
                    return secrets.secretKey + secrets.databaseSecretKey
                }
            }
            return try await group.reduce(into: Set<String>()) { $0.insert($1) }
        }
        #expect(all.count == 1 && all.first?.count == 128)
        let path = folder.path + "/data/secrets"
        #expect(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int == 0o600)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path + "/data") == ["secrets"])
    }

    @Test("those of the configuration win, and then no file is made")
    func configured() throws {
        let folder = try ConfigurationFolder()
        try folder.write(
            "config.yaml",
            "SECRET_KEY: 12345678901234567890123456789012345678\nDATABASE_SECRET_KEY: abcdefghijklmnop\nFEATURE_MAILING: false"
        )
        let secrets = try InstanceSecrets.loadOrCreate(for: folder.load(), randomness: .system)
        #expect(
            secrets.secretKey == "12345678901234567890123456789012345678"
                && secrets.databaseSecretKey == "abcdefghijklmnop")
        #expect(!FileManager.default.fileExists(atPath: folder.path + "/data"))
    }

    @Test(
        "refuses files that others may read, and those without secrets",
        arguments: ["", "SECRET_KEY: short\n", "SECRET_KEY: 12345678901234567890123456789012\n"])
    func malformed(_ text: String) throws {
        let folder = try ConfigurationFolder()
        try folder.write("data/secrets", text)
        let path = folder.path + "/data/secrets"
        let configuration = try folder.load()
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: path)
        #expect(throws: InstanceSecrets.Failure.tooOpen(path: path)) {
            try InstanceSecrets.loadOrCreate(for: configuration, randomness: .system)
        }
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
        #expect(throws: InstanceSecrets.Failure.malformed(path: path)) {
            try InstanceSecrets.loadOrCreate(for: configuration, randomness: .system)
        }
    }

    @Test("Buildman makes none: it waits for RegistryLite's and says so once")
    func waits() async throws {
        let folder = try ConfigurationFolder()
        let configuration = try folder.load()
        // The wait itself lets RegistryLite start: no clock is involved.
        let clock = WallClock(
            now: { Date() },
            sleep: { _ in
                #expect(!FileManager.default.fileExists(atPath: configuration.dataDirectory + "/secrets"))
                _ = try InstanceSecrets.loadOrCreate(for: configuration, randomness: .system)
            })
        var notices: [String] = []
        let secrets = try await InstanceSecrets.wait(for: configuration, clock: clock) { notices.append($0) }
        #expect(notices == [folder.path + "/data/secrets"])
        #expect(
            secrets.secretKey == (try InstanceSecrets.loadOrCreate(for: configuration, randomness: .system)).secretKey)
    }
}
