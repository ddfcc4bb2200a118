import Foundation
import OCI
import TestSupport
import Testing
import WebRequests

/// The clients that people have, as they are: each pushes, pulls and deletes, and every digest is the one it began with.
@Suite("Real clients", .serialized) struct ClientTests {
    /// A registry with the repository `admin/<name>` for each of `names`, and the OAuth token of its superuser.
    private static func registry(_ names: String..., settings: String = "") async throws -> (
        LoneRegistry, String
    ) {
        let registry = try await LoneRegistry(.sqlite, settings: settings)
        try await registry.start()
        let admin = try await registry.initialize()
        for name in names {
            let body =
                #"{"repository":"\#(name)","namespace":"admin","visibility":"private","description":""}"#
            let answer = try await registry.api(.post, "/api/v1/repository", body, token: admin)
            try #require(answer.status == 201, "\(answer.text)")
        }
        return (registry, admin)
    }

    private static let login = "\(LoneRegistry.user):\(LoneRegistry.password)"

    @Test(
        "skopeo copies an index with all its images there and back, by every kind of login, byte for byte",
        .enabled(if: Client.isHere("/usr/bin/skopeo")), arguments: Credential.allCases)
    func skopeo(_ credential: Credential) async throws {
        let (registry, admin) = try await Self.registry("app")
        let (name, password) = try await credential.make(registry, admin: admin)
        // Who may write may push; skopeo deletes with the scope of an administrator.
        if credential == .robot {
            let path = "/api/v1/repository/admin/app/permissions/user/\(name)"
            let answer = try await registry.api(.put, path, #"{"role":"admin"}"#, token: admin)
            #expect(answer.status == 200, "\(answer.text)")
        }
        let folder = try TemporaryFolder()
        let image = try await TwoPlatformImage(in: folder, saying: credential.rawValue)
        let target = "docker://\(registry.host)/admin/app:v1"
        let copy = ["--insecure-policy", "copy", "--all", "--preserve-digests"]
        try await Client.run(
            "skopeo",
            copy + [
                "--dest-tls-verify=false", "--dest-creds", "\(name):\(password)", "oci:\(image.path):all",
                target,
            ])
        let back = folder.path("back")
        try await Client.run(
            "skopeo",
            copy + [
                "--src-tls-verify=false", "--src-creds", "\(name):\(password)", target, "oci:\(back):all",
            ])
        #expect(try TwoPlatformImage.contents(of: back) == image.blobs)
        let raw = try await Client.run(
            "skopeo", "inspect", "--raw", "--tls-verify=false", "--creds", "\(name):\(password)", target)
        #expect(Digest(of: Array(raw.utf8)) == image.index)
        let tags = try await Client.run(
            "skopeo", "list-tags", "--tls-verify=false", "--creds", "\(name):\(password)",
            "docker://\(registry.host)/admin/app")
        #expect(tags.contains(#""v1""#))
        try await Client.run(
            "skopeo", "delete", "--tls-verify=false", "--creds", "\(name):\(password)", target)
        await #expect(throws: Client.Failed.self) {
            try await Client.run(
                "skopeo", "inspect", "--raw", "--tls-verify=false", "--creds", "\(name):\(password)", target
            )
        }
    }

    @Test(
        "a copy between two repositories mounts its blobs: no bytes travel",
        .enabled(if: Client.isHere("/usr/bin/skopeo")))
    func mounts() async throws {
        let (registry, _) = try await Self.registry("app", "copy", settings: "LOGGING_LEVEL: DEBUG")
        let folder = try TemporaryFolder()
        let image = try await TwoPlatformImage(in: folder, saying: "mounted")
        // Where skopeo keeps what it has learnt of blobs and their places.
        let home = ["HOME": folder.path, "XDG_DATA_HOME": folder.path("share")]
        let app = "docker://\(registry.host)/admin/app:v1"
        let copy = [
            "--insecure-policy", "copy", "--all", "--preserve-digests", "--dest-tls-verify=false",
        ]
        let credentials = ["--dest-creds", Self.login]
        try await Client.run(
            "skopeo", copy + credentials + ["oci:\(image.path):all", app], environment: home)
        let stored = try Self.storedFiles(registry)
        try await Client.run(
            "skopeo",
            copy + credentials + [
                "--src-tls-verify=false", "--src-creds", Self.login, app,
                "docker://\(registry.host)/admin/copy:v1",
            ], environment: home)
        #expect(try Self.storedFiles(registry) == stored)
        let mounted = registry.server.log.split(separator: "\n").filter {
            $0.contains("Mounted sha256:")
        }
        #expect(mounted.count >= 2, "the layers of both images: \(mounted)")
    }

    @Test(
        "podman pushes, forgets, pulls and gets what it pushed",
        .enabled(if: Client.isHere("/usr/bin/podman")))
    func podman() async throws {
        let (registry, _) = try await Self.registry("app", "pod")
        let folder = try TemporaryFolder()
        try await Self.pushBase(to: "\(registry.host)/admin/app:v1", folder)
        let rooms = Client.storage(in: folder, of: "podman")
        func podman(_ words: String...) async throws -> String {
            try await Client.run("podman", rooms + words)
        }
        let auth = folder.path("auth.json")
        _ = try await podman(
            "login", "--tls-verify=false", "--authfile", auth, "-u", LoneRegistry.user, "-p",
            LoneRegistry.password,
            registry.host)
        let (app, pod) = ("\(registry.host)/admin/app:v1", "\(registry.host)/admin/pod:v1")
        _ = try await podman("pull", "-q", "--tls-verify=false", "--authfile", auth, app)
        _ = try await podman("tag", app, pod)
        let file = folder.path("digest")
        _ = try await podman(
            "push", "-q", "--tls-verify=false", "--authfile", auth, "--digestfile", file, pod)
        let pushed = try folder.read("digest").trimmingCharacters(in: .whitespacesAndNewlines)
        #expect(try await Self.digest(of: "admin/pod", registry) == pushed)
        _ = try await podman("rmi", "--all", "--force")
        _ = try await podman("pull", "-q", "--tls-verify=false", "--authfile", auth, pod)
        #expect(try await podman("image", "inspect", "--format", "{{.Digest}}", pod) == pushed)
    }

    @Test(
        "buildah commits on a pulled image and pushes the result",
        .enabled(if: Client.isHere("/usr/bin/buildah")))
    func buildah() async throws {
        let (registry, _) = try await Self.registry("app", "built")
        let folder = try TemporaryFolder()
        try await Self.pushBase(to: "\(registry.host)/admin/app:v1", folder)
        let rooms = Client.storage(in: folder, of: "buildah")
        func buildah(_ words: String...) async throws -> String {
            try await Client.run("buildah", rooms + words)
        }
        let printed = try await buildah(
            "from", "-q", "--tls-verify=false", "--creds", Self.login, "\(registry.host)/admin/app:v1")
        let container = try #require(printed.split(separator: "\n").last.map(String.init))
        let built = "\(registry.host)/admin/built:v1"
        _ = try await buildah("config", "--label", "made=here", container)
        _ = try await buildah("commit", "-q", container, built)
        let file = folder.path("digest")
        _ = try await buildah(
            "push", "-q", "--tls-verify=false", "--creds", Self.login, "--digestfile", file, built)
        let pushed = try folder.read("digest").trimmingCharacters(in: .whitespacesAndNewlines)
        #expect(try await Self.digest(of: "admin/built", registry) == pushed)
        _ = try await buildah("rm", "--all")
        _ = try await buildah("rmi", "--all", "--force")
        _ = try await buildah("pull", "-q", "--tls-verify=false", "--creds", Self.login, built)
        #expect(
            try await buildah("inspect", "--type", "image", "--format", "{{.FromImageDigest}}", built)
                == pushed)
    }

    @Test(
        "docker's engine logs in, pulls, pushes with a mount, and pulls again",
        .enabled(if: Client.isHere("/usr/sbin/dockerd")))
    func docker() async throws {
        let (registry, _) = try await Self.registry("app", "docked", settings: "LOGGING_LEVEL: DEBUG")
        let folder = try TemporaryFolder()
        guard let engine = try await DockerEngine.start(in: folder) else {
            print("SKIPPED: docker's engine does not start here.")
            return
        }
        defer { engine.stop() }
        try await Self.pushBase(to: "\(registry.host)/admin/app:v1", folder)
        let (app, docked) = ("\(registry.host)/admin/app:v1", "\(registry.host)/admin/docked:v1")
        try await engine.docker(
            "login", "-u", LoneRegistry.user, "-p", LoneRegistry.password, registry.host)
        try await engine.docker("pull", "-q", app)
        try await engine.docker("tag", app, docked)
        let push = try await engine.docker("push", docked)
        #expect(push.contains("Mounted from admin/app"), "\(push)")
        #expect(registry.server.log.contains("Mounted sha256:"))
        let pushed = try await Self.digest(of: "admin/docked", registry)
        #expect(push.contains(pushed), "\(push)")
        try await engine.docker("rmi", "--force", app, docked)
        let pull = try await engine.docker("pull", docked)
        #expect(pull.contains("Digest: \(pushed)"), "\(pull)")
        #expect(
            try await engine.docker("inspect", "--format", "{{.RepoDigests}}", docked)
                .contains("admin/docked@\(pushed)"))
    }

    private static func storedFiles(_ registry: LoneRegistry) throws -> Set<String> {
        Set(
            try FileManager.default.subpathsOfDirectory(atPath: "\(registry.storage)/blobs").filter {
                $0.contains("/")
            })
    }

    /// Pushes the two-platform image with skopeo.
    private static func pushBase(to reference: String, _ folder: TemporaryFolder) async throws {
        let image = try await TwoPlatformImage(in: folder, saying: "base")
        try await Client.run(
            "skopeo", "--insecure-policy", "copy", "--all", "--preserve-digests",
            "--dest-tls-verify=false",
            "--dest-creds", login, "oci:\(image.path):all", "docker://\(reference)")
    }

    /// The digest that the registry has under `v1`, of the bytes as they come.
    private static func digest(of repository: String, _ registry: LoneRegistry) async throws -> String {
        let token = try await registry.token([repository])
        let answer = try await registry.send(.get, "/v2/\(repository)/manifests/v1", token: token)
        return Digest(of: Array(answer.body)).text
    }
}
