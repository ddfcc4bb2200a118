/// EXECUTOR: kubernetes or kubernetesPodman: a Job of a cluster for each build.
package struct KubernetesSettings: Sendable, Hashable {
    /// What runs in a Job's pod.
    package enum Pod: Sendable, Hashable {
        /// QEMU with a virtual machine that the build runs in: BUILDER_VM_CONTAINER_IMAGE, VM_MEMORY_LIMIT.
        case virtualMachine(image: String, memory: String)
        /// The agent itself, for clusters that allow it: BUILDER_CONTAINER_IMAGE.
        case agent(image: String)
    }

    /// KUBERNETES_DISTRIBUTION; `k8s` is another word for `basic`.
    package enum Distribution: String, Sendable, CaseIterable { case openshift, basic, k8s }

    package enum PullPolicy: String, Sendable, CaseIterable {
        case ifNotPresent = "IfNotPresent", always = "Always", never = "Never"
    }

    /// DNS_POLICY. `Default` is the node's resolver, which knows no names of the cluster's services.
    package enum DNSPolicy: String, Sendable, CaseIterable {
        case node = "Default", clusterFirst = "ClusterFirst", clusterFirstWithHostNet = "ClusterFirstWithHostNet"
    }

    package let pod: Pod
    /// BUILDER_NAMESPACE.
    package let namespace: String
    /// K8S_API_SERVER: `host[:port]` without scheme; nil: not named.
    package let apiServer: String?
    /// K8S_API_TLS_CA, _CERT, _KEY: files.
    package let authorityFile: String?
    package let certificateFile: String?
    package let keyFile: String?
    package let apiTimeout: Duration
    /// SERVICE_ACCOUNT_TOKEN, or a file that is read again at each call (SERVICE_ACCOUNT_TOKEN_FILE, own key).
    package let token: String?
    package let tokenFile: String?
    package let distribution: Distribution
    /// SERVICE_ACCOUNT_NAME; nil: the namespace's default one. OpenShift gives privileges to a name, so there it has a default.
    package let serviceAccountName: String?
    /// CONTAINER_MEMORY_REQUEST and its like, as Kubernetes writes quantities. Without OpenShift, nil where nobody wrote it.
    package let memoryRequest: String
    package let memoryLimit: String?
    package let processorRequest: String?
    package let processorLimit: String?
    package let pullSecretName: String
    package let pullPolicy: PullPolicy
    package let nodeSelectorKey: String
    /// Empty: no selector.
    package let nodeSelectorValue: String
    package let dnsPolicy: DNSPolicy
    /// MAXIMUM_JOB_TIME, RETENTION_AFTER_FINISHED.
    package let maximumJobTime: Duration
    package let retentionAfterFinished: Duration
}

extension KubernetesSettings {
    /// - Parameter isMachine: the pod runs a virtual machine, not the agent itself.
    init(_ reader: SectionReader, _ files: ConfigurationFiles, isMachine: Bool) {
        distribution = reader.choice("KUBERNETES_DISTRIBUTION", default: .basic)
        let isOpenShift = distribution == .openshift
        if isMachine {
            pod = .virtualMachine(
                image: Self.image(
                    "BUILDER_VM_CONTAINER_IMAGE", "quay.io/quay/quay-builder-qemu-fedoracoreos:stable", reader),
                memory: reader.size("VM_MEMORY_LIMIT")?.text ?? "4G")
        } else {
            pod = .agent(
                image: Self.image("BUILDER_CONTAINER_IMAGE", "quay.io/projectquay/quay-builder:latest", reader))
        }
        namespace = Self.label("BUILDER_NAMESPACE", reader) ?? "builder"
        apiServer = Self.server(reader)
        authorityFile = files.path("K8S_API_TLS_CA", reader)
        certificateFile = files.path("K8S_API_TLS_CERT", reader)
        keyFile = files.path("K8S_API_TLS_KEY", reader)
        apiTimeout = reader.seconds("K8S_API_TIMEOUT", default: 20, atLeast: 0.1)
        token = reader.nonEmptyText("SERVICE_ACCOUNT_TOKEN")
        tokenFile = files.path("SERVICE_ACCOUNT_TOKEN_FILE", reader)
        serviceAccountName = Self.label("SERVICE_ACCOUNT_NAME", reader) ?? (isOpenShift ? "quay-builder-sa" : nil)
        memoryRequest = Self.memory("CONTAINER_MEMORY_REQUEST", reader) ?? "3968Mi"
        memoryLimit = Self.memory("CONTAINER_MEMORY_LIMITS", reader) ?? (isOpenShift ? "5120Mi" : nil)
        processorRequest = Self.processors("CONTAINER_CPU_REQUEST", reader) ?? (isOpenShift ? "500m" : nil)
        processorLimit = Self.processors("CONTAINER_CPU_LIMITS", reader) ?? (isOpenShift ? "1000m" : nil)
        pullSecretName = Self.label("IMAGE_PULL_SECRET_NAME", reader) ?? "builder"
        pullPolicy = reader.choice("IMAGE_PULL_POLICY", default: .ifNotPresent)
        nodeSelectorKey = reader.text("NODE_SELECTOR_LABEL_KEY", default: "beta.kubernetes.io/instance-type")
        nodeSelectorValue = reader.text("NODE_SELECTOR_LABEL_VALUE", default: "").trimmingBlanks
        dnsPolicy = reader.choice("DNS_POLICY", default: .node)
        maximumJobTime = reader.seconds("MAXIMUM_JOB_TIME", default: 7200, atLeast: 1)
        retentionAfterFinished = reader.seconds("RETENTION_AFTER_FINISHED", default: 120)
        findContradictions(reader)
    }

    /// What each key alone doesn't show. The API server would refuse every Job, or the kernel end every machine.
    private func findContradictions(_ reader: SectionReader) {
        if (certificateFile == nil) != (keyFile == nil),
            reader.node("K8S_API_TLS_CERT") == nil || reader.node("K8S_API_TLS_KEY") == nil
        {
            reader.missing(
                certificateFile == nil ? "K8S_API_TLS_CERT" : "K8S_API_TLS_KEY",
                "K8S_API_TLS_CERT and K8S_API_TLS_KEY belong together")
        }
        if token != nil, tokenFile != nil {
            reader.problem(
                "SERVICE_ACCOUNT_TOKEN_FILE", "Use SERVICE_ACCOUNT_TOKEN or SERVICE_ACCOUNT_TOKEN_FILE, not both.")
        }
        if let limit = memoryLimit.flatMap(Quantities.bytes), let request = Quantities.bytes(memoryRequest),
            request > limit
        {
            reader.problem(
                "CONTAINER_MEMORY_REQUEST",
                "A container can't request more (\(memoryRequest)) than its limit, CONTAINER_MEMORY_LIMITS "
                    + "(\(memoryLimit ?? "")).")
        }
        if let limit = processorLimit.flatMap(Quantities.processors),
            let request = processorRequest.flatMap(Quantities.processors), request > limit
        {
            reader.problem(
                "CONTAINER_CPU_REQUEST",
                "A container can't request more (\(processorRequest ?? "")) than its limit, CONTAINER_CPU_LIMITS "
                    + "(\(processorLimit ?? "")).")
        }
        if case .virtualMachine(_, let memory) = pod, let limit = memoryLimit.flatMap(Quantities.bytes),
            let machine = Quantities.bytes(memory), machine >= limit
        {
            reader.warning(
                "VM_MEMORY_LIMIT",
                "A machine of \(memory) does not fit into a pod of \(memoryLimit ?? ""): it would be killed "
                    + "(OOMKilled). Raise CONTAINER_MEMORY_LIMITS.")
        }
        let isSelector = nodeSelectorValue.utf8.count <= 63 && nodeSelectorValue.allSatisfy(Self.isLabelCharacter)
        if !isSelector {
            reader.problem(
                "NODE_SELECTOR_LABEL_VALUE", "Expected a label's value, got \"\(nodeSelectorValue.prefix(60))\".")
        }
    }

    private static func server(_ reader: SectionReader) -> String? {
        guard let written = reader.nonEmptyText("K8S_API_SERVER") else { return nil }
        if HostAndPort(written) != nil { return written }
        reader.problem("K8S_API_SERVER", "Expected host or host:port without a scheme, got \"\(written.prefix(100))\".")
        return nil
    }

    private static func image(_ key: String, _ standard: String, _ reader: SectionReader) -> String {
        guard let written = reader.nonEmptyText(key) else { return standard }
        let isReference = !written.contains(where: \.isWhitespace) && !written.contains("://")
        if isReference { return written }
        reader.problem(
            key, "Expected an image such as registry.example.com/name:tag, got \"\(written.prefix(100))\".")
        return standard
    }

    /// Names that become part of a request's path. Source: Kubernetes, RFC 1123 labels.
    private static func label(_ key: String, _ reader: SectionReader) -> String? {
        guard let written = reader.nonEmptyText(key) else { return nil }
        let isLabel =
            written.count <= 253 && !"-.".contains(written.first ?? "-") && !"-.".contains(written.last ?? "-")
            && written.allSatisfy { $0.isASCII && ($0.isLowercase || $0.isNumber || $0 == "-" || $0 == ".") }
        if isLabel { return written }
        reader.problem(key, "Expected small letters, digits and dashes, got \"\(written.prefix(60))\".")
        return nil
    }

    private static func memory(_ key: String, _ reader: SectionReader) -> String? {
        guard let written = reader.nonEmptyText(key) else { return nil }
        if Quantities.isMemoryQuantity(written) { return written }
        reader.problem(key, "Expected an amount of memory such as 5120Mi or 5G, got \"\(written.prefix(60))\".")
        return nil
    }

    private static func processors(_ key: String, _ reader: SectionReader) -> String? {
        guard let written = reader.nonEmptyText(key) else { return nil }
        if Quantities.processors(written) != nil { return written }
        reader.problem(key, "Expected a number of processors such as 500m or 2, got \"\(written.prefix(60))\".")
        return nil
    }

    private static func isLabelCharacter(_ character: Character) -> Bool {
        character.isASCII && (character.isLetter || character.isNumber || "-_.".contains(character))
    }
}

extension String {
    fileprivate var trimmingBlanks: String {
        String(drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
    }
}
