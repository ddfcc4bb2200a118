import OCI
import YAML

/// One way to start builders.
package struct ExecutorSettings: Sendable {
    package enum Kind: Sendable {
        case kubernetes(KubernetesSettings)
        case ec2(EC2Settings)
        case local(LocalExecutorSettings)
    }

    package enum ContainerRuntime: String, Sendable, CaseIterable { case buildah, podman, docker }

    package let kind: Kind
    /// NAME: the label in metrics and on jobs; no two executors have the same.
    package internal(set) var name: String
    /// SETUP_TIME: time to register; nil: the manager's.
    package let setupTime: Duration?
    /// MINIMUM_RETRY_THRESHOLD: skipped when fewer retries are left.
    package let minimumRetries: Int
    /// NAMESPACE_WHITELIST; nil: not restricted by names.
    package let allowedNamespaces: Set<String>?
    /// STAGED_ROLLOUT: share of namespaces, 0 to 1; nil: not restricted by share.
    package let stagedRollout: Double?
    /// QUAY_USERNAME, QUAY_PASSWORD: to pull the worker image; required for virtual machines.
    package let workerUsername: String?
    package let workerPassword: String?
    package let workerImage: String
    package let workerTag: String?
    /// MAX_LIFETIME_S: the virtual machine powers off after it.
    package let maximumLifetime: Duration
    /// VOLUME_SIZE of the disk; nil: the executor's default.
    package let volumeSize: ByteSize?
    /// SSH_AUTHORIZED_KEYS; without one there is no sshd.
    package let authorizedKeys: [String]
    package let containerRuntime: ContainerRuntime
    /// CA_CERT: PEM text of the authority that agents trust in addition.
    package let authorityPEM: String?
    /// EXTRA_CA_CERTS: files of further authorities.
    package let extraAuthorityFiles: [String]
    /// DEBUG: builders are kept when their build ends.
    package let keepsBuilders: Bool
    package let httpProxy: String?
    package let httpsProxy: String?
    package let noProxy: String?
    /// BUILDMAN_HOSTNAME of this executor, if it has its own.
    package let buildmanHostname: String?
}

extension ExecutorSettings.Kind {
    /// The agent runs in a virtual machine, which pulls it as a container image.
    package var startsMachines: Bool {
        switch self {
        case .kubernetes(let settings): if case .virtualMachine = settings.pod { true } else { false }
        case .ec2: true
        case .local: false
        }
    }
}

/// EXECUTOR: popen, or local: a process of this machine for each build.
package struct LocalExecutorSettings: Sendable, Hashable {
    /// BUILDER_BINARY_LOCATION; nil: the BuilderAgent beside Buildman.
    package let program: String?
    /// BUILDAH_ISOLATION; nil: what suits the user that Buildman runs as.
    package let isolation: String?
}

extension ExecutorSettings {
    static let local = ExecutorSettings.read(
        SectionReader(.init(), collector: ProblemCollector()),
        common: .local(LocalExecutorSettings(program: nil, isolation: nil)), ConfigurationFiles(folder: nil),
        name: "local")

    /// Reads one executor; `kind` is given where it doesn't stand in the mapping. Nil where the kind is unknown.
    static func read(_ reader: SectionReader, kind given: String?, _ files: ConfigurationFiles) -> ExecutorSettings? {
        guard let written = given ?? reader.nonEmptyText("EXECUTOR") else {
            reader.missing("EXECUTOR", "kubernetes, kubernetesPodman, ec2 or popen")
            reader.finish()
            return nil
        }
        let settings: ExecutorSettings
        switch written {
        case "kubernetes", "kubernetesPodman":
            let kubernetes = KubernetesSettings(reader, files, isMachine: written == "kubernetes")
            settings = read(reader, common: .kubernetes(kubernetes), files, name: written)
        case "ec2": settings = read(reader, common: .ec2(EC2Settings(reader)), files, name: "ec2")
        case "popen", "local":
            let local = LocalExecutorSettings(
                program: files.path("BUILDER_BINARY_LOCATION", reader),
                isolation: reader.nonEmptyText("BUILDAH_ISOLATION"))
            settings = read(reader, common: .local(local), files, name: written)
        default:
            let hint =
                Spelling.suggestion(
                    for: written, among: ["kubernetes", "kubernetesPodman", "ec2", "popen", "local"]
                ).map {
                    "; did you mean \($0)?"
                } ?? ""
            reader.problem(
                "EXECUTOR",
                "The executor \"\(written.prefix(60))\" is unknown: use kubernetes, kubernetesPodman, ec2 or popen\(hint)."
            )
            return nil
        }
        reader.finish(ignoring: ["REGISTRY_HOSTNAME", "INSECURE"])
        return settings
    }

    private static func read(
        _ reader: SectionReader, common kind: Kind, _ files: ConfigurationFiles, name: String
    ) -> ExecutorSettings {
        let isLocal = if case .local = kind { true } else { false }
        let runtime: ContainerRuntime = isLocal ? .buildah : .podman
        let settings = ExecutorSettings(
            kind: kind, name: reader.text("NAME", default: name), setupTime: reader.seconds("SETUP_TIME", atLeast: 0.1),
            minimumRetries: reader.integer("MINIMUM_RETRY_THRESHOLD", default: 0, in: 0...1000),
            allowedNamespaces: reader.node("NAMESPACE_WHITELIST").map { _ in Set(reader.texts("NAMESPACE_WHITELIST")) },
            stagedRollout: share(reader), workerUsername: reader.nonEmptyText("QUAY_USERNAME"),
            workerPassword: reader.nonEmptyText("QUAY_PASSWORD"),
            workerImage: reader.text("WORKER_IMAGE", default: "quay.io/coreos/registry-build-worker"),
            workerTag: reader.nonEmptyText("WORKER_TAG"),
            maximumLifetime: reader.seconds("MAX_LIFETIME_S", default: 7200, atLeast: 1),
            volumeSize: reader.size("VOLUME_SIZE"),
            authorizedKeys: authorizedKeys(reader),
            containerRuntime: reader.choice("CONTAINER_RUNTIME", default: runtime),
            authorityPEM: authority(reader), extraAuthorityFiles: files.paths("EXTRA_CA_CERTS", reader),
            keepsBuilders: reader.bool("DEBUG", default: false),
            httpProxy: reader.nonEmptyText("HTTP_PROXY"), httpsProxy: reader.nonEmptyText("HTTPS_PROXY"),
            noProxy: reader.nonEmptyText("NO_PROXY"),
            buildmanHostname: BuildsSection.hostname(reader))
        if kind.startsMachines {
            for (key, value) in [
                ("QUAY_USERNAME", settings.workerUsername), ("QUAY_PASSWORD", settings.workerPassword),
                ("WORKER_TAG", settings.workerTag),
            ] where value == nil { reader.missing(key, "the virtual machine pulls its worker image with it") }
            checkWorker(settings, reader)
        }
        return settings
    }

    private static func checkWorker(_ settings: ExecutorSettings, _ reader: SectionReader) {
        if let tag = settings.workerTag {
            do { _ = try ImageReference("\(settings.workerImage):\(tag)") } catch {
                let image = try? ImageReference(settings.workerImage)
                let isImageGood = image.map { $0.tag == nil && $0.digest == nil } ?? false
                reader.problem(
                    isImageGood ? "WORKER_TAG" : "WORKER_IMAGE",
                    "WORKER_IMAGE and WORKER_TAG don't make an image reference: the tag stands in WORKER_TAG only.")
            }
        }
        if settings.workerUsername?.contains(":") == true {
            reader.problem("QUAY_USERNAME", "A user name has no colon.")
        }
    }

    private static func share(_ reader: SectionReader) -> Double? {
        guard let node = reader.node("STAGED_ROLLOUT") else { return nil }
        let number: Double? =
            switch node.scalar?.value {
            case .float(let value): value
            case .integer(let value): Double(value)
            default: nil
            }
        if let number, (0...1).contains(number) { return number }
        reader.problem("STAGED_ROLLOUT", "Expected a number from 0 to 1.")
        return nil
    }

    private static func authorizedKeys(_ reader: SectionReader) -> [String] {
        reader.texts("SSH_AUTHORIZED_KEYS").enumerated().compactMap { index, line in
            let parts = line.split(separator: " ")
            let isKey =
                parts.count >= 2
                && (parts[0].hasPrefix("ssh-") || parts[0].hasPrefix("ecdsa-") || parts[0].hasPrefix("sk-"))
            if isKey, !line.contains(where: \.isNewline) { return line }
            reader.problem(
                "SSH_AUTHORIZED_KEYS[\(index)]", "Expected one line of a public key, such as ssh-ed25519 AAAA… name.")
            return nil
        }
    }

    private static func authority(_ reader: SectionReader) -> String? {
        guard let pem = reader.nonEmptyText("CA_CERT") else { return nil }
        if pem.contains("-----BEGIN CERTIFICATE-----") { return pem }
        reader.problem("CA_CERT", "Expected a certificate as PEM text, not a path.")
        return nil
    }
}
