import Domain
import Foundation
import OCI

/// The files that tell a container runtime about one build: logins, registries, policy, storage. All of them lie in the
/// build's own folder (0700), secrets in files of mode 0600, so that no build sees another's.
struct RuntimeFiles: Sendable, Hashable {
    /// Settings of a build that its files follow from.
    struct Settings: Sendable, Hashable {
        var registry: BuildRegistry
        /// For base images; each is offered to exactly its own host.
        var baseImageLogins: [RegistryLogin]
        /// The registry is spoken to without TLS.
        var isInsecure: Bool
    }

    let folder: URL

    var home: URL { folder.appending(path: "home") }
    var temporary: URL { folder.appending(path: "tmp") }
    /// Logins for pulling base images.
    var pullLogins: URL { folder.appending(path: "login/pull.json") }
    /// The one login for pushing.
    var pushLogins: URL { folder.appending(path: "login/push.json") }
    /// Folders in which docker looks for `config.json`.
    var dockerPull: URL { folder.appending(path: "login/docker-pull") }
    var dockerPush: URL { folder.appending(path: "login/docker-push") }
    var registries: URL { folder.appending(path: "registries.conf") }
    /// Empty: aliases of the machine don't apply.
    var registriesFolder: URL { folder.appending(path: "registries.conf.d") }
    var policy: URL { folder.appending(path: "policy.json") }
    var imageID: URL { folder.appending(path: "image-id") }
    var pushedDigest: URL { folder.appending(path: "pushed-digest") }

    /// Writes them all below `folder`, which must be there.
    func write(_ settings: Settings) throws {
        for directory in [home, temporary, registriesFolder, folder.appending(path: "login"), dockerPull, dockerPush] {
            try FileManager.default.createDirectory(
                at: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        }
        let pulls = Self.pullLogins(settings)
        let pushes = [
            RegistryLogin(
                registry: settings.registry.host, username: BuildRegistry.tokenUser,
                password: settings.registry.pushToken)
        ]
        try PrivateFile.write(Self.loginsJSON(pulls), to: pullLogins)
        try PrivateFile.write(Self.loginsJSON(pushes), to: pushLogins)
        try PrivateFile.write(Self.loginsJSON(pulls, docker: true), to: dockerPull.appending(path: "config.json"))
        try PrivateFile.write(Self.loginsJSON(pushes, docker: true), to: dockerPush.appending(path: "config.json"))
        try PrivateFile.write(Self.registriesText(settings), to: registries)
        try PrivateFile.write(#"{"default":[{"type":"insecureAcceptAnything"}]}"#, to: policy)
    }

    /// What base images may be pulled with: the given logins, and the build's own token for its own registry when no
    /// login names that host. No login twice for one host: the first wins.
    static func pullLogins(_ settings: Settings) -> [RegistryLogin] {
        var logins = settings.baseImageLogins
        if let token = settings.registry.pullToken {
            logins.append(
                RegistryLogin(
                    registry: settings.registry.host, username: BuildRegistry.tokenUser, password: token))
        }
        var hosts: Set<String> = []
        return logins.filter { hosts.insert($0.registry).inserted }
    }

    /// The format that docker and the containers libraries share: one entry a host.
    static func loginsJSON(_ logins: [RegistryLogin], docker: Bool = false) throws -> String {
        var entries: [String: [String: String]] = [:]
        for login in logins {
            let pair = Data("\(login.username):\(login.password.text)".utf8).base64EncodedString()
            // docker knows its own hub by an old address only.
            let host = docker && login.registry == "docker.io" ? "https://index.docker.io/v1/" : login.registry
            entries[host] = ["auth": pair]
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(["auths": entries]), as: UTF8.self)
    }

    /// Names without a host mean docker.io, as in Docker; only the build's own registry may be spoken to in plain text.
    static func registriesText(_ settings: Settings) -> String {
        var text = """
            unqualified-search-registries = ["docker.io"]
            short-name-mode = "disabled"

            """
        if settings.isInsecure {
            // The host was parsed as part of a reference, but it is quoted all the same.
            let host = settings.registry.host.filter { $0 != "\"" && $0 != "\\" && !$0.isNewline }
            text += """

                [[registry]]
                location = "\(host)"
                insecure = true

                """
        }
        return text
    }
}

/// Files that nobody else may read.
enum PrivateFile {
    /// Replaces the file at `url` by one with this text and mode 0600 from its first moment on.
    static func write(_ text: String, to url: URL) throws {
        try? FileManager.default.removeItem(at: url)
        guard
            FileManager.default.createFile(
                atPath: url.path, contents: nil, attributes: [.posixPermissions: 0o600])
        else { throw BuildFailure(.internalError, "The builder can't write to its own folder.") }
        let handle = try FileHandle(forWritingTo: url)
        try handle.write(contentsOf: Data(text.utf8))
        try handle.close()
    }
}
