import Domain
import Foundation
import OCI
import RegistryCore

/// A virtual machine that does one build: writes the Ignition document that makes it one.
///
/// The same document for Kubernetes and EC2, on Fedora CoreOS, its relatives, or an image of our own that runs Ignition.
/// What the image must bring: decision 0138.
struct BuilderMachine: Sendable {
    struct Settings: Sendable {
        var runtime: ExecutorSettings.ContainerRuntime = .podman
        /// WORKER_IMAGE and WORKER_TAG, and the account that may pull it.
        var workerImage: String
        var workerTag: String
        var workerUsername: String
        /// A secret.
        var workerPassword: String
        /// The machine powers off after it, whatever else happens.
        var maximumLifetime: Duration = .seconds(7200)
        /// Who may sign in as `core`.
        var authorizedKeys: [String] = []
        /// Whether something else than ``authorizedKeys`` lets people in, such as a key pair of the cloud.
        var hasForeignKeys = false
        /// PEM text of an authority to believe, and files of more. Read anew for each machine.
        var authorityPEM: String?
        var authorityFiles: [String] = []
        /// The registry is reached without TLS.
        var isRegistryInsecure = false
        /// DEBUG: the machine does not power off when its build ends.
        var staysOn = false
        var httpProxy: String?
        var httpsProxy: String?
        var noProxy: String?
    }

    private let settings: Settings
    /// The worker image with its tag.
    private let worker: ImageReference

    /// Throws ``ExecutorFailure`` for settings that no machine could be made of.
    init(_ settings: Settings) throws(ExecutorFailure) {
        self.settings = settings
        do { worker = try ImageReference("\(settings.workerImage):\(settings.workerTag)") } catch {
            throw ExecutorFailure("WORKER_IMAGE and WORKER_TAG don't make a reference: \(error.message)")
        }
        guard !settings.workerUsername.contains(":") else {
            throw ExecutorFailure("QUAY_USERNAME must not have a colon.")
        }
        for key in settings.authorizedKeys where key.contains(where: \.isNewline) {
            throw ExecutorFailure("SSH_AUTHORIZED_KEYS: a key is one line.")
        }
        _ = try proxies()
    }

    /// The machine of one attempt, as Ignition's JSON. Holds the registration token and the worker's password: a secret.
    ///
    /// Throws ``ExecutorFailure`` when a value can't be written down safely, or an authority's file can't be read.
    func document(for launch: BuilderLaunch) throws -> String {
        let key: JobKey
        do { key = try JobKey(launch.key.text) } catch {
            throw ExecutorFailure("\(launch.key) is not the name of an attempt.")
        }
        guard let registry = HostAndPort(launch.registryHostname) else {
            throw ExecutorFailure("SERVER_HOSTNAME must be host or host:port.")
        }
        let authorities = try authorities()
        var config = IgnitionConfig()
        if !settings.authorizedKeys.isEmpty {
            config.passwd = .init(users: [.init(name: "core", sshAuthorizedKeys: Self.unique(settings.authorizedKeys))])
        }
        config.storage.directories = [
            .init(path: BuilderFiles.folder, mode: 0o700), .init(path: BuilderFiles.loginFolder, mode: 0o700),
        ]
        config.storage.files = [
            .init("/etc/hostname", key.buildUUID + "\n"),
            .init(BuilderFiles.environment, mode: 0o600, try environment(launch).text),
            .init(BuilderFiles.login, mode: 0o600, try login()),
            .init(
                BuilderFiles.script, mode: 0o700,
                BuilderFiles.startScript(worker: worker, runtime: settings.runtime)),
            .init("/etc/systemd/journald.conf.d/50-builder.conf", BuilderFiles.journal(isVerbose: settings.staysOn)),
            // The machine is gone before an update could matter, and must not restart for one.
            .init("/etc/zincati/config.d/90-no-updates.toml", "[updates]\nenabled = false\n"),
        ]
        config.storage.files += authorities.map { .init("\(BuilderFiles.anchors)/\($0.name)", $0.text) }
        if settings.isRegistryInsecure {
            config.storage.files += BuilderFiles.insecureRegistry(launch.registryHostname, runtime: settings.runtime)
        } else {
            let folder = BuilderFiles.registryCertificates(settings.runtime) + "/" + Self.text(registry)
            config.storage.links = authorities.enumerated().map { index, authority in
                .init(
                    path: "\(folder)/ca\(index == 0 ? "" : "-\(index + 1)").crt",
                    target: "\(BuilderFiles.anchors)/\(authority.name)")
            }
        }
        config.systemd.units =
            BuilderUnits(
                maximumLifetime: settings.maximumLifetime, staysOn: settings.staysOn,
                acceptsSSH: !settings.authorizedKeys.isEmpty || settings.hasForeignKeys
            ).units
        return try config.json()
    }

    private func environment(_ launch: BuilderLaunch) throws(ExecutorFailure) -> EnvironmentFile {
        try EnvironmentFile(
            [
                ("TOKEN", launch.registrationToken), ("SERVER", launch.server),
                ("INSECURE", launch.isInsecure ? "true" : nil), ("REGISTRY_HOSTNAME", launch.registryHostname),
                ("CONTAINER_RUNTIME", settings.runtime.rawValue),
            ] + proxyVariables)
    }

    /// Both spellings: programs differ in which one they read.
    private var proxyVariables: [(name: String, value: String?)] {
        [
            ("HTTP_PROXY", settings.httpProxy), ("HTTPS_PROXY", settings.httpsProxy), ("NO_PROXY", settings.noProxy),
            ("http_proxy", settings.httpProxy), ("https_proxy", settings.httpsProxy), ("no_proxy", settings.noProxy),
        ]
    }

    private func proxies() throws(ExecutorFailure) -> EnvironmentFile { try EnvironmentFile(proxyVariables) }

    /// The file of logins that podman and docker read, with the one that pulls the worker.
    private func login() throws -> String {
        struct Logins: Encodable {
            struct Login: Encodable { let auth: String }
            let auths: [String: Login]
        }
        let auth = Data("\(settings.workerUsername):\(settings.workerPassword)".utf8).base64EncodedString()
        // Docker's own hub has an address of its own in docker's file.
        let names = worker.registry == "docker.io" ? ["docker.io", "https://index.docker.io/v1/"] : [worker.registry]
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let logins = Logins(auths: Dictionary(uniqueKeysWithValues: names.map { ($0, .init(auth: auth)) }))
        return String(decoding: try encoder.encode(logins), as: UTF8.self)
    }

    /// Whom the machine believes besides its image's authorities: one file for each source, no certificate twice.
    private func authorities() throws(ExecutorFailure) -> [(name: String, text: String)] {
        var texts = [settings.authorityPEM].compactMap { $0 }
        for path in settings.authorityFiles {
            do { texts.append(try String(contentsOfFile: path, encoding: .utf8)) } catch {
                throw ExecutorFailure("The authority's file \(path) can't be read: \(error.localizedDescription)")
            }
        }
        var known: Set<String> = []
        let files = texts.map { PEMCertificates.blocks(in: $0).filter { known.insert($0).inserted }.joined() }
        return files.filter { !$0.isEmpty }.enumerated().map { index, text in
            (name: index == 0 ? "ssl.cert" : "extra_ca_cert_\(index).crt", text: text)
        }
    }

    private static func text(_ registry: HostAndPort) -> String {
        registry.port.map { "\(registry.host):\($0)" } ?? registry.host
    }

    private static func unique(_ keys: [String]) -> [String] {
        var known: Set<String> = []
        return keys.filter { known.insert($0).inserted }
    }
}

extension BuilderMachine.Settings {
    /// What an executor's keys say. CA_CERT stands in for the servers' certificate, which is believed otherwise.
    init(_ executor: ExecutorSettings, server: ServerSection) {
        let own = executor.authorityPEM == nil && server.scheme == .https ? server.certificate?.certificate : nil
        self.init(
            runtime: executor.containerRuntime, workerImage: executor.workerImage,
            workerTag: executor.workerTag ?? "", workerUsername: executor.workerUsername ?? "",
            workerPassword: executor.workerPassword ?? "", maximumLifetime: executor.maximumLifetime,
            authorizedKeys: executor.authorizedKeys, authorityPEM: executor.authorityPEM,
            authorityFiles: [own].compactMap { $0 } + server.extraAuthorityFiles + executor.extraAuthorityFiles,
            isRegistryInsecure: server.scheme == .http, staysOn: executor.keepsBuilders,
            httpProxy: executor.httpProxy, httpsProxy: executor.httpsProxy, noProxy: executor.noProxy)
    }
}
