/// EXECUTOR: kubernetes: a Job with a virtual machine for each build.
package struct KubernetesSettings: Sendable, Hashable {
    package let namespace: String
    /// BUILDER_VM_CONTAINER_IMAGE: the pod's image.
    package let podImage: String
    /// K8S_API_SERVER: `host[:port]` without scheme.
    package let apiServer: String
    /// K8S_API_TLS_CA, _CERT, _KEY: files.
    package let authorityFile: String?
    package let certificateFile: String?
    package let keyFile: String?
    package let apiTimeout: Duration
    /// SERVICE_ACCOUNT_TOKEN, or a file that is read again at each call (SERVICE_ACCOUNT_TOKEN_FILE, own key).
    package let token: String?
    package let tokenFile: String?
    package let serviceAccountName: String
    /// KUBERNETES_DISTRIBUTION: `openshift`, `basic`; others get neither treatment.
    package let distribution: String
    package let memoryRequest: String
    package let memoryLimit: String
    package let processorRequest: String
    package let processorLimit: String
    /// VM_MEMORY_LIMIT, for QEMU.
    package let machineMemory: String
    package let pullSecretName: String
    package let pullPolicy: PullPolicy
    package let nodeSelectorKey: String
    /// Empty: no selector.
    package let nodeSelectorValue: String
    /// MAXIMUM_JOB_TIME, RETENTION_AFTER_FINISHED.
    package let maximumJobTime: Duration
    package let retentionAfterFinished: Duration

    package enum PullPolicy: String, Sendable, CaseIterable {
        case ifNotPresent = "IfNotPresent", always = "Always", never = "Never"
    }

    /// https when a token or a client certificate is set, else http.
    package var usesTLS: Bool { token != nil || tokenFile != nil || certificateFile != nil }
}

extension KubernetesSettings {
    init(_ reader: SectionReader, _ files: ConfigurationFiles) {
        namespace = Self.label("BUILDER_NAMESPACE", "builder", reader)
        podImage = reader.text(
            "BUILDER_VM_CONTAINER_IMAGE", default: "quay.io/quay/quay-builder-qemu-fedoracoreos:stable")
        apiServer = Self.server(reader)
        authorityFile = files.path("K8S_API_TLS_CA", reader)
        certificateFile = files.path("K8S_API_TLS_CERT", reader)
        keyFile = files.path("K8S_API_TLS_KEY", reader)
        apiTimeout = reader.seconds("K8S_API_TIMEOUT", default: 20, atLeast: 0.1)
        token = reader.nonEmptyText("SERVICE_ACCOUNT_TOKEN")
        tokenFile = files.path("SERVICE_ACCOUNT_TOKEN_FILE", reader)
        serviceAccountName = Self.label("SERVICE_ACCOUNT_NAME", "quay-builder-sa", reader)
        distribution = reader.text("KUBERNETES_DISTRIBUTION", default: "basic")
        memoryRequest = Self.memory("CONTAINER_MEMORY_REQUEST", "3968Mi", reader)
        memoryLimit = Self.memory("CONTAINER_MEMORY_LIMITS", "5120Mi", reader)
        processorRequest = Self.processors("CONTAINER_CPU_REQUEST", "500m", reader)
        processorLimit = Self.processors("CONTAINER_CPU_LIMITS", "1000m", reader)
        machineMemory = Self.memory("VM_MEMORY_LIMIT", "4G", reader)
        pullSecretName = Self.label("IMAGE_PULL_SECRET_NAME", "builder", reader)
        pullPolicy = reader.choice("IMAGE_PULL_POLICY", default: .ifNotPresent)
        nodeSelectorKey = reader.text("NODE_SELECTOR_LABEL_KEY", default: "beta.kubernetes.io/instance-type")
        nodeSelectorValue = reader.text("NODE_SELECTOR_LABEL_VALUE", default: "")
        maximumJobTime = reader.seconds("MAXIMUM_JOB_TIME", default: 7200, atLeast: 1)
        retentionAfterFinished = reader.seconds("RETENTION_AFTER_FINISHED", default: 120)
        if (certificateFile == nil) != (keyFile == nil),
            reader.node("K8S_API_TLS_CERT") == nil || reader.node("K8S_API_TLS_KEY") == nil
        {
            reader.missing(
                certificateFile == nil ? "K8S_API_TLS_CERT" : "K8S_API_TLS_KEY",
                "K8S_API_TLS_CERT and K8S_API_TLS_KEY belong together")
        }
    }

    private static func server(_ reader: SectionReader) -> String {
        let standard = "localhost:8080"
        guard let written = reader.nonEmptyText("K8S_API_SERVER") else { return standard }
        if HostAndPort(written) != nil { return written }
        reader.problem("K8S_API_SERVER", "Expected host or host:port without a scheme, got \"\(written.prefix(100))\".")
        return standard
    }

    /// Names that become part of a request's path. Source: Kubernetes, RFC 1123 labels.
    private static func label(_ key: String, _ standard: String, _ reader: SectionReader) -> String {
        guard let written = reader.nonEmptyText(key) else { return standard }
        let isLabel =
            written.count <= 253 && written.first != "-" && written.last != "-"
            && written.allSatisfy { $0.isASCII && ($0.isLowercase || $0.isNumber || $0 == "-" || $0 == ".") }
        if isLabel { return written }
        reader.problem(key, "Expected small letters, digits and dashes, got \"\(written.prefix(60))\".")
        return standard
    }

    private static func memory(_ key: String, _ standard: String, _ reader: SectionReader) -> String {
        reader.size(key)?.text ?? standard
    }

    private static func processors(_ key: String, _ standard: String, _ reader: SectionReader) -> String {
        guard let written = reader.nonEmptyText(key) else { return standard }
        if Quantities.isProcessorQuantity(written) { return written }
        reader.problem(key, "Expected a number of processors such as 500m or 2, got \"\(written.prefix(60))\".")
        return standard
    }
}
