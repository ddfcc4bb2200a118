import Foundation
import RegistryCore
import Testing

@Suite("Finding the configuration") struct ConfigurationLoaderTests {
    @Test("without a file everything has its default")
    func defaults() throws {
        let folder = try ConfigurationFolder()
        let configuration = try folder.load()
        #expect(configuration.file == nil && configuration.warnings.isEmpty)
        #expect(
            configuration.server.hostname == "127.0.0.1:8080" && configuration.server.baseURL == "http://127.0.0.1:8080"
        )
        #expect(configuration.database.uri == .sqlite(path: folder.path + "/data/registry.db"))
        #expect(configuration.storage.localPath == folder.path + "/data/storage")
        #expect(configuration.redis.buildLogs == nil && configuration.redis.userEvents == nil)
        #expect(
            !configuration.features.mailing && configuration.features.userInitialize
                && configuration.features.anonymousAccess)
        let manager = try #require(configuration.builds.manager)
        #expect(manager.executors.count == 1 && manager.orchestrator == .memory && manager.maximumBuilders == 1)
        guard case .local = manager.executors[0].kind else {
            Issue.record("not a local executor")
            return
        }
        #expect(manager.executors[0].containerRuntime == .buildah && manager.timing.maximumBuildTime == .seconds(7200))
    }

    @Test("--config wins over REGISTRY_CONFIG, that over config.yaml")
    func order() throws {
        let folder = try ConfigurationFolder()
        for name in ["config.yaml", "environment.yaml", "option.yaml", "bundle/config.yaml"] {
            try folder.write(name, "REGISTRY_TITLE: \(name)\nFEATURE_MAILING: false\n")
        }
        let environment = ["REGISTRY_CONFIG": "environment.yaml"]
        #expect(try folder.load().server.title == "config.yaml")
        #expect(try folder.load(environment: ["REGISTRY_CONFIG": ""]).server.title == "config.yaml")
        #expect(try folder.load(environment: environment).server.title == "environment.yaml")
        #expect(try folder.load("option.yaml", environment: environment).server.title == "option.yaml")
        #expect(try folder.load("bundle", environment: environment).server.title == "bundle/config.yaml")
        #expect(try folder.load(folder.path + "/bundle").server.title == "bundle/config.yaml")
    }

    @Test(
        "a configuration that was named must be there and be a mapping in YAML",
        arguments: [
            ("none.yaml", "There is no such file or folder."), ("empty", "can't be read"), ("list.yaml", "got a list"),
            ("text.yaml", "got a text"), ("broken.yaml", "line 3: Not YAML"), ("twice.yaml", "stands here twice"),
            ("two.yaml", "a second document"), ("binary.yaml", "Not YAML"),
        ])
    func unreadable(_ name: String, _ words: String) throws {
        let folder = try ConfigurationFolder()
        try folder.write("empty/other.yaml", "")
        try folder.write("list.yaml", "- a\n")
        try folder.write("text.yaml", "hello\n")
        try folder.write("broken.yaml", "A: 1\nB: [\n")
        try folder.write("twice.yaml", "A: 1\nA: 2\n")
        try folder.write("two.yaml", "A: 1\n---\nB: 2\n")
        try folder.write("binary.yaml", "\u{1}\u{2}")
        let problems = #expect(throws: ConfigurationProblems.self) { try folder.load(name) }
        #expect(problems?.description.contains(words) == true, "\(problems.map(String.init(describing:)) ?? "")")
    }

    @Test("an empty file is the defaults with a file's caution")
    func emptyFile() throws {
        let configuration = try ConfigurationFolder.load("# nothing yet\n")
        #expect(configuration.file == "config.yaml" && !configuration.features.userInitialize)
    }

    @Test("all problems are told at once, with path and line, in the order of the file")
    func allAtOnce() throws {
        let errors = try ConfigurationFolder.errors(
            """
            SERVER_HOSTNAME: https://quay.example.com
            FEATURE_ANONYMOUS_ACCESS: "false"
            MAIL_PORT: 99999
            SUPER_USERS: admin
            BUILDLOGS_REDIS:
              port: x
            FRESH_LOGIN_TIMEOUT: 10
            MAXIMUM_LAYER_SIZE: 20X
            AVATAR_KIND: locale
            FEATURE_MAILING: false
            """)
        #expect(
            errors == [
                "line 1: SERVER_HOSTNAME: Expected host or host:port without a scheme, got \"https://quay.example.com\".",
                "line 2: FEATURE_ANONYMOUS_ACCESS: Expected true or false, got a text; leave out the quotes.",
                "line 3: MAIL_PORT: Expected 1 to 65535, got 99999.",
                "line 4: SUPER_USERS: Expected a list of texts, got a text.",
                "line 6: BUILDLOGS_REDIS.host: This key is required: the Redis server's name or address.",
                "line 6: BUILDLOGS_REDIS.port: Expected a whole number, got a text.",
                "line 7: FRESH_LOGIN_TIMEOUT: Expected a duration such as 30s, 10m, 4h, 1d or 2w, got \"10\".",
                "line 8: MAXIMUM_LAYER_SIZE: Expected a size such as 20G, 512Mi or 1048576, got \"20X\".",
                "line 9: AVATAR_KIND: Expected one of local, gravatar, got \"locale\"; did you mean local?.",
            ])
    }

    @Test("unknown keys are one warning, with a suggestion for misspelt ones; Quay's other keys are silent")
    func unknown() throws {
        let configuration = try ConfigurationFolder.load(
            """
            SERVER_HOTSNAME: a
            FEATURE_BUILD_SUPORT: true
            FEATURE_MAILING: false
            COMPLETELY_NEW: 1
            LDAP_URI: ldap://x
            FEATURE_GENERAL_OCI_SUPPORT: true
            SETUP_COMPLETE: true
            BUILDLOGS_REDIS: {host: r, pasword: x}
            """)
        #expect(
            configuration.warnings.map(\.description) == [
                "Unknown keys are ignored: SERVER_HOTSNAME (line 1; did you mean SERVER_HOSTNAME?), FEATURE_BUILD_SUPORT (line 2; did "
                    + "you mean FEATURE_BUILD_SUPPORT?), COMPLETELY_NEW (line 4), BUILDLOGS_REDIS.pasword (line 8; did you mean password?)."
            ])
    }

    @Test("SEC-Secrets shown to readers: no message repeats a password or a key")
    func secrets() throws {
        let text = """
            DB_URI: mysql://root:hunter2secret@db/quay
            SECRET_KEY: [hunter2secret]
            DATABASE_SECRET_KEY: hunter2secret
            BUILDLOGS_REDIS: {host: x, password: {a: hunter2secret}}
            MAIL_PASSWORD: hunter2secret
            FEATURE_MAILING: false
            """
        let problems = #expect(throws: ConfigurationProblems.self) { try ConfigurationFolder.load(text) }
        #expect(problems?.problems.contains { $0.description.contains("hunter2") } == false)
        #expect((problems?.problems.count ?? 0) >= 4)
    }

    @Test("files of the bundle are found: certificates, authorities, /conf/stack paths with either suffix")
    func bundle() throws {
        let folder = try ConfigurationFolder()
        try folder.write(
            "bundle/config.yaml",
            """
            PREFERRED_URL_SCHEME: https
            SERVER_HOSTNAME: quay.example.com
            FEATURE_MAILING: false
            BUILD_MANAGER:
            - ephemeral
            - ORCHESTRATOR: {MEM_CONFIG: {}}
              EXECUTORS:
              - {EXECUTOR: kubernetes, K8S_API_TLS_CA: /conf/stack/extra_ca_cert_build_cluster.crt, QUAY_USERNAME: u, QUAY_PASSWORD: 123456, WORKER_TAG: 3.4}
            """)
        let error = #expect(throws: ConfigurationProblems.self) { try folder.load("bundle", audience: .buildman) }
        #expect(
            error?.problems.contains { $0.path == "PREFERRED_URL_SCHEME" && $0.message.contains("ssl.cert") } == true)
        #expect(
            error?.problems.contains { $0.path == "BUILD_MANAGER[1].EXECUTORS[0].K8S_API_TLS_CA" && $0.line == 8 }
                == true)
        for name in ["ssl.cert", "ssl.key", "extra_ca_cert_build_cluster.cert"] {
            try folder.write("bundle/\(name)", "x")
        }
        let configuration = try folder.load("bundle", audience: .buildman)
        #expect(
            configuration.server.certificate?.key == folder.path + "/bundle/ssl.key" && configuration.server.servesTLS)
        #expect(configuration.server.extraAuthorityFiles == [folder.path + "/bundle/extra_ca_cert_build_cluster.cert"])
        let executor = try #require(configuration.builds.manager?.executors.first)
        guard case .kubernetes(let settings) = executor.kind else {
            Issue.record("not kubernetes")
            return
        }
        #expect(settings.authorityFile == folder.path + "/bundle/extra_ca_cert_build_cluster.cert")
        #expect(
            executor.workerTag == "3.4" && executor.workerPassword == "123456" && executor.containerRuntime == .podman)
    }
}
