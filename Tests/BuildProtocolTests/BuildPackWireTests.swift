import BuildProtocol
import Domain
import SwiftProtobuf
import Testing

@Suite("Build pack on the wire") struct BuildPackWireTests {
    @Test("comes back as it went, package and git alike")
    func roundTrip() throws {
        let sources: [BuildPack.Source] = [
            .package(
                BuildPackage(url: "https://a.example/x.tgz", isTrusted: true, allowedPrivateNetworks: ["10.0.0.0/8"])),
            .package(BuildPackage(url: "https://a.example/x.tgz", isTrusted: false)),
            .git(
                BuildGitSource(
                    url: "git@h:a/b.git", commit: "abc", ref: "refs/heads/main", privateKey: BuildSecret("KEY"),
                    knownHosts: "h ssh-ed25519 AAAA")),
            .git(BuildGitSource(url: "https://h/a/b.git", commit: "abc", ref: nil, privateKey: nil)),
        ]
        for source in sources {
            let pack = try Self.pack(source)
            let bytes = try BuildmanPb_BuildPack(pack).serializedBytes() as [UInt8]
            #expect(try BuildPack(wire: BuildmanPb_BuildPack(serializedBytes: bytes)) == pack)
        }
    }

    @Test("gives an original worker the registry's own login where it looks for it")
    func baseImage() throws {
        let wire = BuildmanPb_BuildPack(try Self.pack(.package(BuildPackage(url: "http://x/y", isTrusted: true))))
        #expect(wire.baseImage.username == "ns+robot")
        #expect(wire.registryCredentials.map(\.registry) == ["other.example"])
    }

    @Test("uses the field numbers of the original protocol")
    func fieldNumbers() throws {
        var wire = BuildmanPb_BuildPack()
        wire.packageURL = "u"
        wire.tagNames = ["t"]
        wire.registry = "r"
        // Tag byte = number << 3 | 2, length 1, the letter.
        #expect(try wire.serializedBytes() as [UInt8] == [2 << 3 | 2, 1, 117, 7 << 3 | 2, 1, 114, 10 << 3 | 2, 1, 116])
    }

    @Test("refuses a pack without source, commit, tag, registry or repository")
    func malformed() throws {
        let good = BuildmanPb_BuildPack(try Self.pack(.package(BuildPackage(url: "http://x/y", isTrusted: true))))
        let breakers: [(inout BuildmanPb_BuildPack) -> Void] = [
            { $0.buildPack = nil }, { $0.packageURL = "" }, { $0.gitPackage.url = "x" }, { $0.tagNames = [] },
            { $0.tagNames = ["ok", "-bad"] }, { $0.registry = "" }, { $0.repository = "Nope/../x" },
        ]
        for breaker in breakers {
            var broken = good
            breaker(&broken)
            #expect(throws: BuildPackMalformed.self) { try BuildPack(wire: broken) }
        }
    }

    @Test("SEC-Secrets shown to readers: a printed build pack shows no token, key or password")
    func secretsStayHidden() throws {
        let git = BuildGitSource(url: "git@h:a", commit: "c", ref: nil, privateKey: BuildSecret("hush-key"))
        let pack = try Self.pack(.git(git))
        var dumped = ""
        dump(pack, to: &dumped)
        for text in ["\(pack)", String(reflecting: pack), dumped] { #expect(!text.contains("hush")) }
    }

    private static func pack(_ source: BuildPack.Source) throws -> BuildPack {
        BuildPack(
            jobToken: BuildSecret("hush-job"), buildID: "1b", attempt: 2, source: source, context: "/sub",
            dockerfilePath: "Dockerfile",
            registry: BuildRegistry(
                host: "reg.example:5000", repository: try RepositoryName("ns/app"), isInsecure: true,
                pullToken: BuildSecret("hush-pull"), pushToken: BuildSecret("hush-push")),
            tags: [try TagName("v1"), try TagName("latest")],
            baseImageLogins: [
                RegistryLogin(registry: "reg.example:5000", username: "ns+robot", password: BuildSecret("hush-1")),
                RegistryLogin(registry: "other.example", username: "u", password: BuildSecret("hush-2")),
            ], buildArguments: ["A": "b"])
    }
}
