import Foundation
import RegistryCore
import TestSupport
import Testing

/// The configuration of the guide's section 6.4.2, key by key, as it stands there.
@Suite("The guide's configuration") struct GuideConfigurationTests {
    static let text = """
        FEATURE_BUILD_SUPPORT: True
        FEATURE_MAILING: false
        SERVER_HOSTNAME: quay.example.com
        BUILD_MANAGER:
        - ephemeral
        - ALLOWED_WORKER_COUNT: 1
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
            K8S_API_TLS_CA: /conf/stack/extra_ca_cert_build_cluster.crt
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
            SERVICE_ACCOUNT_TOKEN: "*****"
            QUAY_USERNAME: quay-username
            QUAY_PASSWORD: quay-password
            WORKER_IMAGE: registry.example.com/quay-quay-builder
            WORKER_TAG: some_tag
            BUILDER_VM_CONTAINER_IMAGE: registry.example.com/quay-quay-builder-qemu-rhcos:v3.4.0
            SETUP_TIME: 180
            MINIMUM_RETRY_THRESHOLD: 0
            SSH_AUTHORIZED_KEYS:
            - ssh-rsa 12345 someuser@email.com
            - ssh-rsa 67890 someuser2@email.com
        """

    private static func bundle(_ text: String) async throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        try folder.write(text, to: "config.yaml")
        let certificates = try await TestCertificates()
        // The guide's other spelling of the file's name.
        try FileManager.default.copyItem(
            atPath: certificates.authority, toPath: folder.path("extra_ca_cert_build_cluster.cert"))
        return folder
    }

    @Test("is read unchanged, without a warning, in both forms")
    func reads() async throws {
        let plain = Self.text.replacingOccurrences(of: "- ephemeral\n- ALLOWED", with: "  ALLOWED")
        for text in [Self.text, plain] {
            let folder = try await Self.bundle(text)
            let configuration = try ConfigurationLoader(
                audience: .buildman, option: folder.path, dataDirectory: folder.path("data"), environment: [:]
            ).load()
            #expect(configuration.warnings.isEmpty, "\(configuration.warnings)")
            let manager = try #require(configuration.builds.manager)
            #expect(manager.orchestratorPrefix == "buildman/production/" && manager.maximumBuilders == 1)
            guard case .redis(let endpoint, setsUpEvents: true) = manager.orchestrator else {
                Issue.record("not Redis")
                return
            }
            #expect(endpoint.host == "quay-redis-host" && endpoint.usesTLS)
        }
    }
}
