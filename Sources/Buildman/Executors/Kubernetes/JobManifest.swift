import Domain
import Foundation
import RegistryCore

/// Writes the Job of an attempt, and the Secret with everything that others must not read. Pure.
///
/// Who may read Jobs learns nothing that opens anything: the Job names the Secret, and the Secret belongs to the Job.
/// Source: Quay 6.10, with `backoffLimit: 0` and the service account's token kept out of every pod.
struct JobManifest: Sendable {
    /// What is the same for every attempt.
    struct Settings: Sendable {
        var kubernetes: KubernetesSettings
        /// VOLUME_SIZE: of the machine's disk, or of the folder that an agent builds in.
        var volumeSize: ByteSize?
        /// CONTAINER_RUNTIME, where the agent runs in the pod itself.
        var containerRuntime: ExecutorSettings.ContainerRuntime = .podman
        /// Proxies hold passwords at times.
        var proxies: [String: String] = [:]
        /// DEBUG.
        var isDebug = false
    }

    /// What goes into the Secret of one attempt, by key.
    typealias Entries = [String: String]

    /// The kernel takes no longer string in an environment. Source: execve(2), MAX_ARG_STRLEN.
    static let maximumVariableBytes = 131_071
    /// Source: Kubernetes, the size of a Secret.
    static let maximumSecretBytes = 1_048_576

    private static let userData = "USERDATA"
    private static let authorities = "ca.pem"
    private static let serviceAccountFolder = "/var/run/secrets/kubernetes.io/serviceaccount"
    /// Where builders of all makes look for authorities.
    private static let authoritiesFolder = "/certs"
    /// Where an agent builds.
    private static let workFolder = "/var/tmp"
    private static let proxyKeys = ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"]

    let settings: Settings

    /// What the pod of a virtual machine is given.
    /// - Parameter document: the Ignition document, which holds every secret of the machine.
    func entries(machine document: String) throws(ExecutorFailure) -> Entries {
        guard document.utf8.count + Self.userData.utf8.count + 1 <= Self.maximumVariableBytes else {
            throw ExecutorFailure(
                "The machine's set-up has \(document.utf8.count) bytes, and a pod takes at most "
                    + "\(Self.maximumVariableBytes): name fewer certificates in CA_CERT and EXTRA_CA_CERTS.")
        }
        return [Self.userData: document]
    }

    /// What the pod of an agent is given.
    /// - Parameter authorities: PEM text of everybody that the agent shall believe; nil: its image's own authorities.
    func entries(agent launch: BuilderLaunch, authorities: String?) throws(ExecutorFailure) -> Entries {
        var entries: Entries = ["TOKEN": launch.registrationToken]
        entries.merge(settings.proxies) { first, _ in first }
        entries[Self.authorities] = authorities
        guard entries.values.reduce(0, { $0 + $1.utf8.count }) < Self.maximumSecretBytes else {
            throw ExecutorFailure("The authorities for builders don't fit into a Secret: name fewer of them.")
        }
        return entries
    }

    /// The Job of `key`, whose pod takes `entries` from the Secret of the same name.
    func job(for launch: BuilderLaunch, labels: [String: String], entries: Entries) throws -> [UInt8] {
        let kubernetes = settings.kubernetes
        let name = launch.key.text
        let isOpenShift = kubernetes.distribution == .openshift
        var volumes: [JobResource.Volume] = []
        var mounts: [JobResource.Mount] = []
        if !isOpenShift {
            // Should an admission plugin mount the token all the same, nothing is seen of it.
            volumes.append(.init(name: "secrets-mask", emptyDir: .init()))
            mounts.append(.init(name: "secrets-mask", mountPath: Self.serviceAccountFolder))
        }
        if entries[Self.authorities] != nil {
            let item = JobResource.Volume.Item(key: Self.authorities, path: "ssl.cert")
            volumes.append(.init(name: "authorities", secret: .init(secretName: name, items: [item])))
            mounts.append(.init(name: "authorities", mountPath: Self.authoritiesFolder, readOnly: true))
        }
        if case .agent = kubernetes.pod {
            // A container's own file system can't hold layers: an overlay on an overlay is refused by many kernels.
            let limit = settings.volumeSize.map { "\($0.bytes)" }
            volumes.append(.init(name: "work", emptyDir: .init(sizeLimit: limit)))
            mounts.append(.init(name: "work", mountPath: Self.workFolder))
        }
        let container = JobResource.Container(
            image: image, imagePullPolicy: kubernetes.pullPolicy.rawValue, securityContext: securityContext,
            env: variables(of: launch, entries), resources: resources, volumeMounts: mounts.isEmpty ? nil : mounts)
        let selector = kubernetes.nodeSelectorValue
        let spec = JobResource.PodSpec(
            imagePullSecrets: [.init(name: kubernetes.pullSecretName)], dnsPolicy: kubernetes.dnsPolicy.rawValue,
            serviceAccount: kubernetes.serviceAccountName, serviceAccountName: kubernetes.serviceAccountName,
            nodeSelector: selector.isEmpty ? nil : [kubernetes.nodeSelectorKey: selector],
            volumes: volumes.isEmpty ? nil : volumes, containers: [container])
        let job = JobResource(
            metadata: .init(name: name, namespace: kubernetes.namespace, labels: labels),
            spec: .init(
                activeDeadlineSeconds: kubernetes.maximumJobTime.wholeSeconds,
                ttlSecondsAfterFinished: kubernetes.retentionAfterFinished.wholeSeconds,
                template: .init(metadata: .init(labels: labels), spec: spec)))
        return try Self.json(job)
    }

    /// The Secret with `entries`, which goes with the Job.
    func secret(ownedBy job: KubernetesMetadata, labels: [String: String], entries: Entries) throws -> [UInt8] {
        let name = job.name ?? ""
        let owner = JobResource.OwnerReference(name: name, uid: job.uid ?? "")
        return try Self.json(
            SecretResource(
                metadata: .init(
                    name: name, namespace: settings.kubernetes.namespace, labels: labels, ownerReferences: [owner]),
                data: entries.mapValues { Data($0.utf8).base64EncodedString() }))
    }

    private var image: String {
        switch settings.kubernetes.pod {
        case .virtualMachine(let image, _), .agent(let image): image
        }
    }

    private func variables(of launch: BuilderLaunch, _ entries: Entries) -> [JobResource.Variable] {
        func secret(_ variable: String, key: String? = nil) -> JobResource.Variable {
            .init(
                name: variable,
                valueFrom: .init(secretKeyRef: .init(name: launch.key.text, key: key ?? variable)))
        }
        switch settings.kubernetes.pod {
        case .virtualMachine(_, let memory):
            return [
                secret(Self.userData), .init(name: "VM_MEMORY", value: Self.machineSize(memory)),
                .init(name: "VM_VOLUME_SIZE", value: Self.machineSize(settings.volumeSize?.text ?? "32G")),
            ]
        case .agent:
            var variables = [
                secret("TOKEN"), .init(name: "SERVER", value: launch.server),
                .init(name: "BUILD_UUID", value: launch.key.buildUUID),
                .init(name: "REGISTRY_HOSTNAME", value: launch.registryHostname),
                .init(name: "EXECUTOR", value: "kubernetesPodman"),
                .init(name: "CONTAINER_RUNTIME", value: settings.containerRuntime.rawValue),
                .init(name: "TMPDIR", value: Self.workFolder), .init(name: "BUILDAH_ISOLATION", value: "chroot"),
                // As the original's agent reads it.
                .init(name: "BULDAH_ISOLATION", value: "chroot"),
            ]
            if launch.isInsecure { variables.append(.init(name: "INSECURE", value: "true")) }
            if settings.isDebug { variables.append(.init(name: "DEBUG", value: "true")) }
            if entries[Self.authorities] != nil {
                let file = "\(Self.authoritiesFolder)/ssl.cert"
                variables += [.init(name: "TLS_CERT_PATH", value: file), .init(name: "SSL_CERT_FILE", value: file)]
            }
            // Programs differ in which spelling they read.
            for key in Self.proxyKeys where entries[key] != nil {
                variables += [secret(key), secret(key.lowercased(), key: key)]
            }
            return variables
        }
    }

    private var resources: JobResource.Resources {
        let kubernetes = settings.kubernetes
        var requests = ["memory": kubernetes.memoryRequest]
        requests["cpu"] = kubernetes.processorRequest
        var limits: [String: String] = [:]
        limits["memory"] = kubernetes.memoryLimit
        limits["cpu"] = kubernetes.processorLimit
        return .init(requests: requests, limits: limits.isEmpty ? nil : limits)
    }

    private var securityContext: JobResource.SecurityContext {
        switch settings.kubernetes.pod {
        // QEMU needs /dev/kvm. The wall is the machine.
        case .virtualMachine: .init(privileged: true)
        // Enough to make a user namespace, in which the build's own root lives.
        case .agent:
            .init(
                privileged: false, allowPrivilegeEscalation: true,
                capabilities: .init(add: ["SETUID", "SETGID", "SETFCAP"]))
        }
    }

    /// A size as QEMU and its tools read it: `8G`, without `i` and `B`. A bare number means bytes.
    static func machineSize(_ text: String) -> String {
        var size = text[...]
        if size.last == "B" || size.last == "b" { size.removeLast() }
        if size.last == "i" { size.removeLast() }
        guard let bytes = Int64(size) else { return String(size) }
        return "\(max(1, bytes / 1_048_576))M"
    }

    private static func json(_ value: some Encodable) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return Array(try encoder.encode(value))
    }
}

extension Duration {
    /// Rounded up: nothing is cut short.
    fileprivate var wholeSeconds: Int {
        let (seconds, attoseconds) = components
        return Int(seconds) + (attoseconds > 0 ? 1 : 0)
    }
}
