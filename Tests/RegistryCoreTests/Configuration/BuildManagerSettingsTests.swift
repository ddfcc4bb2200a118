import Foundation
import RegistryCore
import Testing

@Suite("BUILD_MANAGER") struct BuildManagerSettingsTests {
    static let guide = """
        FEATURE_MAILING: false
        BUILD_MANAGER:
        - ephemeral
        - ALLOWED_WORKER_COUNT: 2
          ORCHESTRATOR_PREFIX: buildman/production/
          ORCHESTRATOR:
            REDIS_HOST: quay-redis-host
            REDIS_PASSWORD: quay-redis-password
            REDIS_SSL: true
            REDIS_SKIP_KEYSPACE_EVENT_SETUP: false
          EXECUTORS:
          - EXECUTOR: kubernetes
            BUILDER_NAMESPACE: builder
            K8S_API_SERVER: api.openshift.somehost.org:6443
            VOLUME_SIZE: 8G
            KUBERNETES_DISTRIBUTION: openshift
            CONTAINER_MEMORY_LIMITS: 5120Mi
            CONTAINER_CPU_LIMITS: 1000m
            CONTAINER_MEMORY_REQUEST: 3968Mi
            CONTAINER_CPU_REQUEST: 500m
            NODE_SELECTOR_LABEL_KEY: beta.kubernetes.io/instance-type
            NODE_SELECTOR_LABEL_VALUE: n1-standard-4
            CONTAINER_RUNTIME: podman
            SERVICE_ACCOUNT_NAME: quay-builder
            SERVICE_ACCOUNT_TOKEN: token
            QUAY_USERNAME: user
            QUAY_PASSWORD: password
            WORKER_IMAGE: registry/quay-quay-builder
            WORKER_TAG: v3.4.0
            BUILDER_VM_CONTAINER_IMAGE: registry/quay-quay-builder-qemu-rhcos:v3.4.0
            SETUP_TIME: 180
            MINIMUM_RETRY_THRESHOLD: 0
            SSH_AUTHORIZED_KEYS:
            - ssh-rsa AAAAB3NzaC1yc2E someone@example.com
            BUILDMAN_HOSTNAME: buildman.example.com:443
        """

    @Test("reads the guide's sample whole, in both forms")
    func sample() throws {
        let plain = Self.guide.replacingOccurrences(of: "- ephemeral\n- ALLOWED", with: "  ALLOWED")
        for text in [Self.guide, plain] {
            let configuration = try ConfigurationFolder.load(text, audience: .buildman)
            #expect(configuration.warnings.isEmpty)
            let manager = try #require(configuration.builds.manager)
            #expect(manager.maximumBuilders == 2 && manager.orchestratorPrefix == "buildman/production/")
            guard case .redis(let endpoint, setsUpEvents: true) = manager.orchestrator else {
                Issue.record("not redis")
                return
            }
            #expect(endpoint.host == "quay-redis-host" && endpoint.usesTLS && endpoint.port == 6379)
            let executor = try #require(manager.executors.first)
            guard case .kubernetes(let kubernetes) = executor.kind else {
                Issue.record("not kubernetes")
                return
            }
            #expect(
                executor.setupTime == .seconds(180) && executor.volumeSize?.text == "8G"
                    && executor.authorizedKeys.count == 1)
            #expect(
                executor.buildmanHostname == "buildman.example.com:443" && executor.maximumLifetime == .seconds(7200))
            #expect(
                kubernetes.token == "token" && kubernetes.apiServer == "api.openshift.somehost.org:6443"
                    && kubernetes.memoryLimit == "5120Mi")
            #expect(kubernetes.processorLimit == "1000m" && kubernetes.maximumJobTime == .seconds(7200))
        }
    }

    @Test("BUILDMAN_HOSTNAME: the environment wins over the top level")
    func hostname() throws {
        let text = "FEATURE_MAILING: false\nBUILDMAN_HOSTNAME: top:1"
        #expect(try ConfigurationFolder.load(text).builds.buildmanHostname == "top:1")
        #expect(
            try ConfigurationFolder.load(text, environment: ["BUILDMAN_HOSTNAME": "env:2"]).builds.buildmanHostname
                == "env:2")
    }

    @Test("the kind external runs no builds, and a single executor has its own form")
    func forms() throws {
        #expect(
            try ConfigurationFolder.load("FEATURE_MAILING: false\nBUILD_MANAGER: [external, {}]", audience: .buildman)
                .builds.manager == nil)
        let single = try ConfigurationFolder.load(
            "FEATURE_MAILING: false\nBUILD_MANAGER: {ORCHESTRATOR: {MEM_PREFIXLESS: 1}, EXECUTOR: local, EXECUTOR_CONFIG: {NAME: here, DEBUG: yes, STAGED_ROLLOUT: 0.5}}",
            audience: .buildman)
        let executor = try #require(single.builds.manager?.executors.first)
        #expect(
            executor.name == "here" && executor.keepsBuilders && executor.stagedRollout == 0.5
                && executor.allowedNamespaces == nil)
    }

    @Test("executors of one kind are told apart by number where they have no name")
    func names() throws {
        let manager = try ConfigurationFolder.load(
            "FEATURE_MAILING: false\nBUILD_MANAGER: {ORCHESTRATOR: {MEM_: 1}, EXECUTORS: [{EXECUTOR: popen}, "
                + "{EXECUTOR: popen}, {EXECUTOR: popen, NAME: third}, {EXECUTOR: popen}]}", audience: .buildman
        ).builds.manager
        #expect(manager?.executors.map(\.name) == ["popen", "popen-2", "third", "popen-3"])
    }

    static let mistakes: [(String, String)] = [
        (
            "{ORCHESTRATOR: {MEM_: 1}, EXECUTORS: [{EXECUTOR: local}, {EXECUTOR: local, NAME: local}]}",
            "BUILD_MANAGER.EXECUTORS[1].NAME"
        ),
        (
            "{ORCHESTRATOR: {MEM_: 1}, EXECUTOR_PAUSE: 0, EXECUTORS: [{EXECUTOR: local}]}",
            "BUILD_MANAGER.EXECUTOR_PAUSE"
        ),
        ("[enterprise, {}]", "BUILD_MANAGER[0]"), ("[ephemeral]", "BUILD_MANAGER"), ("ephemeral", "BUILD_MANAGER"),
        ("[ephemeral, []]", "BUILD_MANAGER[1]"),
        ("{}", "BUILD_MANAGER.ORCHESTRATOR"), ("{ORCHESTRATOR: {MEM_: 1}}", "BUILD_MANAGER.EXECUTORS"),
        ("{ORCHESTRATOR: {ETCD_HOST: x}, EXECUTORS: [{EXECUTOR: local}]}", "BUILD_MANAGER.ORCHESTRATOR"),
        (
            "{ORCHESTRATOR: {REDIS_HOST: x, REDIS_PREFIX: y}, EXECUTORS: [{EXECUTOR: local}]}",
            "BUILD_MANAGER.ORCHESTRATOR.REDIS_PREFIX"
        ),
        ("{ORCHESTRATOR: {MEM_: 1}, EXECUTORS: []}", "BUILD_MANAGER.EXECUTORS"),
        ("{ORCHESTRATOR: {MEM_: 1}, EXECUTORS: [local]}", "BUILD_MANAGER.EXECUTORS[0]"),
        ("{ORCHESTRATOR: {MEM_: 1}, EXECUTORS: [{NAME: x}]}", "BUILD_MANAGER.EXECUTORS[0].EXECUTOR"),
        ("{ORCHESTRATOR: {MEM_: 1}, EXECUTORS: [{EXECUTOR: kubernets}]}", "BUILD_MANAGER.EXECUTORS[0].EXECUTOR"),
        ("{ORCHESTRATOR: {MEM_: 1}, EXECUTORS: [{EXECUTOR: kubernetes}]}", "BUILD_MANAGER.EXECUTORS[0].WORKER_TAG"),
        ("{ORCHESTRATOR: {MEM_: 1}, EXECUTORS: [{EXECUTOR: ec2}]}", "BUILD_MANAGER.EXECUTORS[0].EC2_REGION"),
        (
            "{ORCHESTRATOR: {MEM_: 1}, EXECUTORS: [{EXECUTOR: local, STAGED_ROLLOUT: 2}]}",
            "BUILD_MANAGER.EXECUTORS[0].STAGED_ROLLOUT"
        ),
        (
            "{ORCHESTRATOR: {MEM_: 1}, EXECUTORS: [{EXECUTOR: local, SSH_AUTHORIZED_KEYS: [x]}]}",
            "BUILD_MANAGER.EXECUTORS[0].SSH_AUTHORIZED_KEYS[0]"
        ),
        (
            "{ORCHESTRATOR: {MEM_: 1}, EXECUTORS: [{EXECUTOR: local, CONTAINER_RUNTIME: runc}]}",
            "BUILD_MANAGER.EXECUTORS[0].CONTAINER_RUNTIME"
        ),
        (
            "{ORCHESTRATOR: {MEM_: 1}, EXECUTORS: [{EXECUTOR: local, VOLUME_SIZE: big}]}",
            "BUILD_MANAGER.EXECUTORS[0].VOLUME_SIZE"
        ),
        (
            "{ORCHESTRATOR: {MEM_: 1}, EXECUTORS: [{EXECUTOR: local, CA_CERT: /a/path}]}",
            "BUILD_MANAGER.EXECUTORS[0].CA_CERT"
        ),
        (
            "{ORCHESTRATOR: {MEM_: 1}, EXECUTORS: [{EXECUTOR: kubernetes, BUILDER_NAMESPACE: a/../b}]}",
            "BUILD_MANAGER.EXECUTORS[0].BUILDER_NAMESPACE"
        ),
        (
            "{ORCHESTRATOR: {MEM_: 1}, EXECUTORS: [{EXECUTOR: kubernetes, K8S_API_SERVER: https://x}]}",
            "BUILD_MANAGER.EXECUTORS[0].K8S_API_SERVER"
        ),
        (
            "{ORCHESTRATOR: {MEM_: 1}, EXECUTORS: [{EXECUTOR: kubernetes, CONTAINER_CPU_LIMITS: fast}]}",
            "BUILD_MANAGER.EXECUTORS[0].CONTAINER_CPU_LIMITS"
        ),
        kubernetes("K8S_API_TLS_CA: nowhere.crt", "K8S_API_TLS_CA"),
        kubernetes("K8S_API_TLS_CERT: /etc/hostname", "K8S_API_TLS_KEY"),
        kubernetes("K8S_API_TLS_KEY: /etc/hostname", "K8S_API_TLS_CERT"),
        kubernetes("SERVICE_ACCOUNT_TOKEN: t, SERVICE_ACCOUNT_TOKEN_FILE: /etc/hostname", "SERVICE_ACCOUNT_TOKEN_FILE"),
        kubernetes("SERVICE_ACCOUNT_TOKEN_FILE: nowhere", "SERVICE_ACCOUNT_TOKEN_FILE"),
        kubernetes("SERVICE_ACCOUNT_NAME: Upper", "SERVICE_ACCOUNT_NAME"),
        kubernetes("KUBERNETES_DISTRIBUTION: opneshift", "KUBERNETES_DISTRIBUTION"),
        kubernetes("DNS_POLICY: None", "DNS_POLICY"), kubernetes("IMAGE_PULL_POLICY: always", "IMAGE_PULL_POLICY"),
        kubernetes("BUILDER_VM_CONTAINER_IMAGE: \"https://r/x\"", "BUILDER_VM_CONTAINER_IMAGE"),
        kubernetes("CONTAINER_MEMORY_LIMITS: 5120MB", "CONTAINER_MEMORY_LIMITS"),
        kubernetes("CONTAINER_MEMORY_REQUEST: 6Gi, CONTAINER_MEMORY_LIMITS: 5Gi", "CONTAINER_MEMORY_REQUEST"),
        kubernetes("CONTAINER_CPU_REQUEST: 2, CONTAINER_CPU_LIMITS: 1500m", "CONTAINER_CPU_REQUEST"),
        kubernetes("VM_MEMORY_LIMIT: much", "VM_MEMORY_LIMIT"),
        kubernetes("NODE_SELECTOR_LABEL_VALUE: \"a b\"", "NODE_SELECTOR_LABEL_VALUE"),
        kubernetes("MAXIMUM_JOB_TIME: soon", "MAXIMUM_JOB_TIME"),
        kubernetes("EXTRA_CA_CERTS: [nowhere.pem]", "EXTRA_CA_CERTS[0]"),
        kubernetes("BUILDER_CONTAINER_IMAGE: \"a b\"", "BUILDER_CONTAINER_IMAGE", kind: "kubernetesPodman"),
        (
            "{ORCHESTRATOR: {MEM_: 1}, HEARTBEAT_DELTA: 10, EXECUTORS: [{EXECUTOR: local}]}",
            "BUILD_MANAGER.HEARTBEAT_DELTA"
        ),
        (
            "{ORCHESTRATOR: {MEM_: 1}, ALLOWED_WORKER_COUNT: -1, EXECUTORS: [{EXECUTOR: local}]}",
            "BUILD_MANAGER.ALLOWED_WORKER_COUNT"
        ),
    ]

    static func kubernetes(_ keys: String, _ wrong: String, kind: String = "kubernetes") -> (String, String) {
        let account = kind == "kubernetes" ? "QUAY_USERNAME: u, QUAY_PASSWORD: p, WORKER_TAG: t, " : ""
        return (
            "{ORCHESTRATOR: {MEM_: 1}, EXECUTORS: [{EXECUTOR: \(kind), \(account)\(keys)}]}",
            "BUILD_MANAGER.EXECUTORS[0].\(wrong)"
        )
    }

    @Test("kubernetesPodman needs no worker image, and has its own image and no machine")
    func podman() throws {
        let configuration = try ConfigurationFolder.load(
            """
            FEATURE_MAILING: false
            BUILD_MANAGER: {ORCHESTRATOR: {MEM_: 1}, EXECUTORS: [{EXECUTOR: kubernetesPodman, DNS_POLICY: ClusterFirst}]}
            """, audience: .buildman)
        let executor = try #require(configuration.builds.manager?.executors.first)
        guard case .kubernetes(let kubernetes) = executor.kind else {
            Issue.record("not kubernetes")
            return
        }
        #expect(configuration.warnings.isEmpty && executor.name == "kubernetesPodman" && !executor.kind.startsMachines)
        #expect(kubernetes.pod == .agent(image: "quay.io/projectquay/quay-builder:latest"))
        #expect(kubernetes.dnsPolicy == .clusterFirst && kubernetes.apiServer == nil)
        #expect(kubernetes.memoryLimit == nil && kubernetes.serviceAccountName == nil)
    }

    @Test("a machine that its pod has no room for is worth a warning")
    func room() throws {
        let configuration = try ConfigurationFolder.load(
            "FEATURE_MAILING: false\nBUILD_MANAGER: "
                + Self.kubernetes("VM_MEMORY_LIMIT: 6G, CONTAINER_MEMORY_LIMITS: 5120Mi", "").0, audience: .buildman)
        #expect(configuration.warnings.contains { $0.message.contains("OOMKilled") })
    }

    @Test("a mistake stops Buildman at its path, and is only a warning to RegistryLite", arguments: mistakes)
    func refuses(_ manager: String, _ path: String) throws {
        let text = "FEATURE_MAILING: false\nBUILD_MANAGER: \(manager)\n"
        let problems = #expect(throws: ConfigurationProblems.self) {
            try ConfigurationFolder.load(text, audience: .buildman)
        }
        #expect(
            problems?.problems.contains { $0.path == path && $0.severity == .error && $0.line == 2 } == true,
            "\(problems.map(String.init(describing:)) ?? "")")
        let configuration = try ConfigurationFolder.load(text)
        #expect(configuration.warnings.contains { $0.path == path })
    }

    @Test("what Buildman doesn't use only earns it a warning")
    func otherAudience() throws {
        let text = "MAIL_PORT: x\nFEATURE_MAILING: false\nFRESH_LOGIN_TIMEOUT: y\n"
        #expect(try ConfigurationFolder.load(text, audience: .buildman).warnings.count == 2)
        #expect(try ConfigurationFolder.errors(text).count == 2)
        #expect(try ConfigurationFolder.errors("DB_URI: x\nFEATURE_MAILING: false\n", audience: .buildman).count == 1)
    }
}
