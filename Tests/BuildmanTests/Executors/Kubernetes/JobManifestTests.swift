import Domain
import Foundation
import RegistryCore
import Testing

@testable import Buildman

@Suite("Job manifest") struct JobManifestTests {
    static let labels = JobLabels(identity: "registry.test", executor: "kubernetes", manager: "host-1")
    static let now = Date(timeIntervalSince1970: 1_795_597_200)  // 2026-11-25 09:00 UTC
    static let document = #"{"ignition":{"version":"3.0.0"},"token":"registration","password":"of-the-worker"}"#

    /// A Job as a tree.
    static func job(_ keys: String = "", kind: String = "kubernetes", entries: [String: String]? = nil) throws
        -> [String: Any]
    {
        let manifest = try KubernetesCase.manifest(keys, kind: kind)
        let entries = try entries ?? manifest.entries(machine: document)
        let json = try manifest.job(
            for: KubernetesCase.launch, labels: labels.all(for: KubernetesCase.key, at: now), entries: entries)
        return try #require(try JSONSerialization.jsonObject(with: Data(json)) as? [String: Any])
    }

    static func at(_ path: String, _ tree: Any?) -> Any? {
        path.split(separator: ".").reduce(tree) { value, part in
            if let index = Int(part) {
                return (value as? [Any]).flatMap { $0.indices.contains(index) ? $0[index] : nil }
            }
            return (value as? [String: Any])?[String(part)]
        }
    }

    static func text(_ path: String, _ tree: Any?) -> String { at(path, tree).map { "\($0)" } ?? "-" }

    static let everywhere: [(String, String)] = [
        ("apiVersion", "batch/v1"), ("kind", "Job"), ("metadata.name", "\(KubernetesCase.uuid)-1"),
        ("metadata.namespace", "builder"), ("metadata.labels.build", KubernetesCase.uuid),
        ("metadata.labels.time", "2026-11-25-09"), ("metadata.labels.manager", "host-1"),
        ("metadata.labels.quay-sha", "buildman"), ("metadata.labels.attempt", "1"),
        ("metadata.labels.executor", "kubernetes"),
        ("spec.backoffLimit", "0"), ("spec.activeDeadlineSeconds", "7200"), ("spec.ttlSecondsAfterFinished", "120"),
        ("spec.template.metadata.labels.build", KubernetesCase.uuid), ("spec.template.metadata.labels.attempt", "1"),
        ("spec.template.spec.restartPolicy", "Never"), ("spec.template.spec.dnsPolicy", "Default"),
        ("spec.template.spec.imagePullSecrets.0.name", "builder"),
        ("spec.template.spec.containers.0.name", "builder"),
        ("spec.template.spec.containers.0.image", "quay.io/quay/quay-builder-qemu-fedoracoreos:stable"),
        ("spec.template.spec.containers.0.imagePullPolicy", "IfNotPresent"),
        ("spec.template.spec.containers.0.env.0.name", "USERDATA"),
        ("spec.template.spec.containers.0.env.0.value", "-"),
        ("spec.template.spec.containers.0.env.0.valueFrom.secretKeyRef.name", "\(KubernetesCase.uuid)-1"),
        ("spec.template.spec.containers.0.env.0.valueFrom.secretKeyRef.key", "USERDATA"),
        ("spec.template.spec.containers.0.env.1.name", "VM_MEMORY"),
        ("spec.template.spec.containers.0.env.1.value", "4G"),
        ("spec.template.spec.containers.0.env.2.name", "VM_VOLUME_SIZE"),
        ("spec.template.spec.containers.0.env.2.value", "32G"),
        ("spec.template.spec.containers.0.resources.requests.memory", "3968Mi"),
    ]

    @Test("has the keys of the original on every distribution", arguments: everywhere, ["openshift", "basic", "k8s"])
    func keys(_ expected: (path: String, value: String), _ distribution: String) throws {
        let job = try Self.job("KUBERNETES_DISTRIBUTION: \(distribution)")
        #expect(Self.text(expected.path, job) == expected.value, "\(expected.path)")
        #expect(Self.at("spec.template.spec.containers.0.securityContext.privileged", job) as? Bool == true)
        #expect(Self.at("spec.template.spec.automountServiceAccountToken", job) as? Bool == false)
        #expect(Self.at("spec.template.spec.enableServiceLinks", job) as? Bool == false)
    }

    @Test("OpenShift gets limits, a request for processors and a service account")
    func openShift() throws {
        let job = try Self.job("KUBERNETES_DISTRIBUTION: openshift, NODE_SELECTOR_LABEL_VALUE: n1-standard-4")
        let expected = [
            ("containers.0.resources.limits.memory", "5120Mi"), ("containers.0.resources.limits.cpu", "1000m"),
            ("containers.0.resources.requests.cpu", "500m"), ("serviceAccount", "quay-builder-sa"),
            ("serviceAccountName", "quay-builder-sa"), ("volumes", "-"),
        ]
        for (path, value) in expected { #expect(Self.text("spec.template.spec." + path, job) == value, "\(path)") }
        let selector = Self.at("spec.template.spec.nodeSelector", job) as? [String: String]
        #expect(selector == ["beta.kubernetes.io/instance-type": "n1-standard-4"])
    }

    @Test("elsewhere a mask lies over the service account's token, and limits are those that somebody wrote")
    func basic() throws {
        var job = try Self.job("KUBERNETES_DISTRIBUTION: k8s")
        let expected = [
            ("containers.0.resources.limits", "-"), ("containers.0.resources.requests.cpu", "-"),
            ("serviceAccountName", "-"), ("nodeSelector", "-"), ("volumes.0.name", "secrets-mask"),
            ("containers.0.volumeMounts.0.name", "secrets-mask"),
            ("containers.0.volumeMounts.0.mountPath", "/var/run/secrets/kubernetes.io/serviceaccount"),
        ]
        for (path, value) in expected { #expect(Self.text("spec.template.spec." + path, job) == value, "\(path)") }
        #expect(Self.at("spec.template.spec.volumes.0.emptyDir", job) != nil)
        job = try Self.job(
            """
            KUBERNETES_DISTRIBUTION: basic, CONTAINER_MEMORY_LIMITS: 6Gi, CONTAINER_CPU_LIMITS: 2, \
            SERVICE_ACCOUNT_NAME: builds, NODE_SELECTOR_LABEL_KEY: kvm, NODE_SELECTOR_LABEL_VALUE: yes-please, \
            MAXIMUM_JOB_TIME: 60.5, RETENTION_AFTER_FINISHED: 0, IMAGE_PULL_SECRET_NAME: pull, IMAGE_PULL_POLICY: Always, \
            DNS_POLICY: ClusterFirst, VM_MEMORY_LIMIT: 3Gi, VOLUME_SIZE: 8GB, BUILDER_VM_CONTAINER_IMAGE: "r.example/vm:1"
            """)
        let written = [
            ("containers.0.resources.limits.memory", "6Gi"), ("containers.0.resources.limits.cpu", "2"),
            ("serviceAccountName", "builds"), ("imagePullSecrets.0.name", "pull"), ("dnsPolicy", "ClusterFirst"),
            ("containers.0.imagePullPolicy", "Always"), ("containers.0.env.1.value", "3G"),
            ("containers.0.env.2.value", "8G"), ("containers.0.image", "r.example/vm:1"),
            ("nodeSelector.kvm", "yes-please"),
        ]
        for (path, value) in written { #expect(Self.text("spec.template.spec." + path, job) == value, "\(path)") }
        // Rounded up: nothing is cut short.
        #expect(Self.text("spec.activeDeadlineSeconds", job) == "61")
        #expect(Self.text("spec.ttlSecondsAfterFinished", job) == "0")
    }

    @Test(
        "SEC-Secrets shown to readers: what is in the Secret is nowhere in the Job",
        arguments: ["kubernetes", "kubernetesPodman"])
    func secretsStayOut(kind: String) throws {
        let manifest = try KubernetesCase.manifest(
            "HTTP_PROXY: \"http://user:proxy-password@proxy:3128\", SERVICE_ACCOUNT_TOKEN: api-token", kind: kind)
        let authority = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"
        let entries =
            kind == "kubernetes"
            ? try manifest.entries(machine: Self.document)
            : try manifest.entries(agent: KubernetesCase.launch, authorities: authority)
        let labels = Self.labels.all(for: KubernetesCase.key, at: Self.now)
        let job = String(
            decoding: try manifest.job(for: KubernetesCase.launch, labels: labels, entries: entries), as: UTF8.self)
        let secret = String(
            decoding: try manifest.secret(
                ownedBy: KubernetesMetadata(name: KubernetesCase.key.text, uid: "uid-of-the-job"), labels: labels,
                entries: entries), as: UTF8.self)
        #expect(!entries.isEmpty)
        for value in entries.values {
            let encoded = Data(value.utf8).base64EncodedString()
            #expect(secret.contains(encoded) && !job.contains(encoded))
            // Also as JSON escapes it.
            for part in value.split(whereSeparator: { "\"\n{}:,".contains($0) }) where part.count > 6 {
                #expect(!job.contains(part), "\(part)")
            }
        }
        for word in ["registration-token", "worker-password", "proxy-password", "api-token", "MIIB"] {
            #expect(!job.contains(word), "\(word)")
        }
    }

    @Test("the Secret belongs to the Job, and nobody changes it")
    func secret() throws {
        let manifest = try KubernetesCase.manifest()
        let json = try manifest.secret(
            ownedBy: KubernetesMetadata(name: KubernetesCase.key.text, uid: "uid-of-the-job"),
            labels: Self.labels.all(for: KubernetesCase.key, at: Self.now), entries: ["USERDATA": "x"])
        let secret = try JSONSerialization.jsonObject(with: Data(json))
        let expected = [
            ("kind", "Secret"), ("metadata.name", KubernetesCase.key.text), ("metadata.ownerReferences.0.kind", "Job"),
            ("metadata.ownerReferences.0.apiVersion", "batch/v1"), ("metadata.ownerReferences.0.uid", "uid-of-the-job"),
            ("metadata.ownerReferences.0.name", KubernetesCase.key.text), ("data.USERDATA", "eA=="), ("type", "Opaque"),
            ("metadata.ownerReferences.0.blockOwnerDeletion", "-"),
        ]
        for (path, value) in expected { #expect(Self.text(path, secret) == value, "\(path)") }
        #expect(Self.at("immutable", secret) as? Bool == true)
    }

    @Test("kubernetesPodman: the agent runs in the pod itself, without privileges")
    func agent() throws {
        let keys =
            "HTTPS_PROXY: \"http://proxy:3128\", DEBUG: true, BUILDER_CONTAINER_IMAGE: \"r.example/agent:2\", VOLUME_SIZE: 8G"
        let manifest = try KubernetesCase.manifest(keys, kind: "kubernetesPodman")
        let entries = try manifest.entries(agent: KubernetesCase.launch, authorities: "PEM")
        #expect(
            entries == [
                "TOKEN": KubernetesCase.launch.registrationToken, "HTTPS_PROXY": "http://proxy:3128", "ca.pem": "PEM",
            ])
        let job = try Self.job(keys, kind: "kubernetesPodman", entries: entries)
        let variables = Self.at("spec.template.spec.containers.0.env", job) as? [[String: Any]] ?? []
        let plain = Dictionary(
            uniqueKeysWithValues: variables.map { ($0["name"] as? String ?? "", Self.text("value", $0)) })
        let expected = [
            "SERVER": "buildman.example.com:443", "REGISTRY_HOSTNAME": "registry.example.com",
            "EXECUTOR": "kubernetesPodman", "CONTAINER_RUNTIME": "podman", "BUILDAH_ISOLATION": "chroot",
            "DEBUG": "true", "TMPDIR": "/var/tmp", "TLS_CERT_PATH": "/certs/ssl.cert", "TOKEN": "-", "HTTPS_PROXY": "-",
            "https_proxy": "-",
        ]
        for (name, value) in expected { #expect(plain[name] == value, "\(name)") }
        #expect(plain["INSECURE"] == nil && plain["HTTP_PROXY"] == nil && plain["USERDATA"] == nil)
        #expect(Self.at("spec.template.spec.containers.0.securityContext.privileged", job) as? Bool == false)
        let expectedPod = [
            ("containers.0.image", "r.example/agent:2"), ("volumes.1.secret.secretName", KubernetesCase.key.text),
            ("volumes.1.secret.items.0.path", "ssl.cert"), ("volumes.2.emptyDir.sizeLimit", "8000000000"),
            ("containers.0.volumeMounts.2.mountPath", "/var/tmp"), ("containers.0.volumeMounts.1.mountPath", "/certs"),
        ]
        for (path, value) in expectedPod { #expect(Self.text("spec.template.spec." + path, job) == value, "\(path)") }
    }

    @Test("what the kernel or Kubernetes would not take is refused with a sentence")
    func limits() throws {
        let manifest = try KubernetesCase.manifest()
        let longest = String(repeating: "x", count: 131_071 - "USERDATA=".utf8.count)
        #expect(try manifest.entries(machine: longest)["USERDATA"] == longest)
        let refusal = #expect(throws: ExecutorFailure.self) { try manifest.entries(machine: longest + "x") }
        #expect(refusal?.description.contains("EXTRA_CA_CERTS") == true)
        #expect(throws: ExecutorFailure.self) {
            try manifest.entries(
                agent: KubernetesCase.launch, authorities: String(repeating: "x", count: 1_048_576))
        }
    }

    @Test(
        "sizes are written as QEMU reads them",
        arguments: [
            ("8G", "8G"), ("8Gi", "8G"), ("8GB", "8G"), ("512Mi", "512M"), ("4294967296", "4096M"), ("1.5T", "1.5T"),
            ("1", "1M"),
        ])
    func sizes(_ written: String, _ expected: String) { #expect(JobManifest.machineSize(written) == expected) }
}
