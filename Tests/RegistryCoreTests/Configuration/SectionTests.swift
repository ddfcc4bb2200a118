import Foundation
import RegistryCore
import Testing

@Suite("Sections of the configuration") struct SectionTests {
    @Test(
        "reads database URIs",
        arguments: [
            ("sqlite:////var/lib/registry.db", DatabaseSection.URI.sqlite(path: "/var/lib/registry.db")),
            ("sqlite:///relative.db", .sqlite(path: "relative.db")),
            (
                "postgresql://u:p%40@db:5432/quay?sslmode=verify-full",
                .postgresql(url: "postgresql://u:p%40@db:5432/quay?sslmode=verify-full")
            ),
            ("postgresql+psycopg2://u@db/quay", .postgresql(url: "postgresql://u@db/quay")),
            ("postgres://db/quay", .postgresql(url: "postgresql://db/quay")),
        ])
    func databaseURIs(_ written: String, _ uri: DatabaseSection.URI) throws {
        #expect(try ConfigurationFolder.load("FEATURE_MAILING: false\nDB_URI: \"\(written)\"").database.uri == uri)
    }

    @Test(
        "refuses other values, each with its key",
        arguments: [
            "DB_URI: sqlite://x", "DB_URI: sqlite:///", "DB_URI: registry.db", "DB_URI: mysql+pymysql://u@h/d",
            "DB_URI: 'oracle://h/d'",
            "DB_URI: postgresql://db", "DB_URI: postgresql:///quay", "DB_URI: postgresql://db/quay?sslmode=maybe",
            "SERVER_HOSTNAME: a b", "SERVER_HOSTNAME: a/b", "SERVER_HOSTNAME: 'a:0'", "SERVER_HOSTNAME: 'a:70000'",
            "SERVER_HOSTNAME: 'a:'",
            "SERVER_HOSTNAME: a..b", "SERVER_HOSTNAME: '::1'", "PREFERRED_URL_SCHEME: ftp",
            "PREFERRED_URL_SCHEME: https",
            "LOGGING_LEVEL: LOUD", "REGISTRY_STATE: read-only", "TRUSTED_PROXIES: [10.0.0.0/33]",
            "TRUSTED_PROXIES: 10.0.0.0/8",
            "WEBHOOK_ALLOWED_PRIVATE_NETWORKS: [local]", "SEARCH_RESULTS_PER_PAGE: 0", "SEARCH_RESULTS_PER_PAGE: many",
            "INSTANCE_SERVICE_KEY_REFRESH: 120", "SESSION_COOKIE_NAME: 'a b'", "SESSION_COOKIE_SAMESITE: None",
            "AUTHENTICATION_TYPE: LDAP",
            "FRESH_LOGIN_TIMEOUT: 10 m", "FRESH_LOGIN_TIMEOUT: -1m", "FRESH_LOGIN_TIMEOUT: 99999999999w",
            "MAIL_SERVER: smtp.example.com:25",
            "MAIL_DEFAULT_SENDER: nobody", "MAIL_USERNAME: x", "DEFAULT_TAG_EXPIRATION: 3w",
            "TAG_EXPIRATION_OPTIONS: [2w, x]",
            "LABELED_EXPIRATION_MINIMUM: 200w", "MAXIMUM_LAYER_SIZE: -1G", "MAXIMUM_LAYER_SIZE: 0",
            "NOTIFICATION_SEND_TIMEOUT: 10s",
            "NOTIFICATION_SEND_TIMEOUT: -1", "GARBAGE_COLLECTION_FREQUENCY: .nan", "LOGS_MODEL: elasticsearch",
            "FEATURE_PUBLIC_CATALOG: 1",
            "SECURITY_SCANNER_V4_ENDPOINT: clair:6060", "SECURITY_SCANNER_V4_ENDPOINT: http://user:pw@clair",
            "DISTRIBUTED_STORAGE_CONFIG: {}", "DISTRIBUTED_STORAGE_CONFIG: {a: LocalStorage}",
            "DISTRIBUTED_STORAGE_CONFIG: {a: [LocalStorage, {}]}",
            "DISTRIBUTED_STORAGE_CONFIG: {a: [SwiftStorage, {}]}",
            "DISTRIBUTED_STORAGE_CONFIG: {a: [CloudFrontedS3Storage, {s3_bucket: b}]}",
            "DISTRIBUTED_STORAGE_CONFIG: {a: [S3Storage, {}]}",
            "DISTRIBUTED_STORAGE_CONFIG: {a: [S3Storage, {s3_bucket: b, s3_access_key: k}]}",
            "DISTRIBUTED_STORAGE_CONFIG: {a: [RadosGWStorage, {bucket_name: b}]}",
            "DISTRIBUTED_STORAGE_PREFERENCE: [elsewhere]",
            "USERFILES_LOCATION: elsewhere", "SUCCESSIVE_TRIGGER_FAILURE_DISABLE_THRESHOLD: 0", "BUILDMAN_TLS: maybe",
            "GITHUB_TRIGGER_CONFIG: {CLIENT_ID: x}", "GITHUB_TRIGGER_CONFIG: yes",
            "GITLAB_TRIGGER_CONFIG: {CLIENT_ID: a, CLIENT_SECRET: b, GITLAB_ENDPOINT: gitlab}",
            "GITHUB_LOGIN_CONFIG: {CLIENT_ID: a, CLIENT_SECRET: b, ORG_RESTRICT: true}", "FEATURE_GITHUB_BUILD: true",
            "USER_EVENTS_REDIS: redis",
        ])
    func refuses(_ line: String) throws {
        let errors = try ConfigurationFolder.errors("\(line)\nFEATURE_MAILING: false\n")
        #expect(!errors.isEmpty)
    }

    @Test("FEATURE_MAILING needs a server; left out it follows one")
    func mailing() throws {
        #expect(try ConfigurationFolder.errors("FEATURE_MAILING: true").count == 1)
        let without = try ConfigurationFolder.load("REGISTRY_TITLE: x")
        #expect(!without.features.mailing && without.warnings.count == 1)
        #expect(try ConfigurationFolder.load("MAIL_SERVER: smtp.example.com").features.mailing)
    }

    @Test("null is as if the key were missing")
    func null() throws {
        let configuration = try ConfigurationFolder.load(
            "SERVER_HOSTNAME: ~\nBUILD_MANAGER:\nMAIL_SERVER: null\nFEATURE_MAILING: false\nSUCCESSIVE_TRIGGER_FAILURE_DISABLE_THRESHOLD: null"
        )
        #expect(configuration.server.hostname == "127.0.0.1:8080" && configuration.builds.manager != nil)
        #expect(
            configuration.builds.failureDisableThreshold == nil
                && configuration.builds.internalErrorDisableThreshold == 5)
    }

    @Test("storage engines keep their order and parameters")
    func storage() throws {
        let storage = try ConfigurationFolder.load(
            """
            DISTRIBUTED_STORAGE_CONFIG:
              disk: [LocalStorage, {storage_path: /data}]
              bucket: [S3Storage, {s3_bucket: b, storage_path: /a/b/, s3_access_key: k, s3_secret_key: s, s3_region: eu, host: minio, port: 9000, is_secure: false}]
            DISTRIBUTED_STORAGE_PREFERENCE: [bucket, disk]
            USERFILES_LOCATION: disk
            FEATURE_MAILING: false
            """
        ).storage
        #expect(storage.locations.map(\.name) == ["disk", "bucket"] && storage.preferred.name == "bucket")
        #expect(
            storage.localPath == "/data" && storage.userfilesLocation == "disk"
                && storage.logArchiveLocation == "bucket")
        guard case .s3(let bucket) = storage.preferred.engine else {
            Issue.record("not a bucket")
            return
        }
        #expect(
            bucket.path == "a/b" && bucket.usesPathStyle && !bucket.usesTLS && bucket.port == 9000
                && bucket.region == "eu")
    }

    @Test(
        "sizes and durations",
        arguments: [
            ("20G", 20_000_000_000), ("8Gi", 8_589_934_592), ("512MiB", 536_870_912), ("1024", 1024), ("1.5k", 1500),
        ])
    func sizes(_ text: String, _ bytes: Int64) { #expect(ByteSize(text)?.bytes == bytes) }

    @Test("no sizes", arguments: ["", "G", "-1G", "1 X", "1i", "0", "0x10", "1e3", "99999999999999T", "1.5", "٣G"])
    func noSizes(_ text: String) { #expect(ByteSize(text) == nil) }

    @Test(
        "hosts and ports",
        arguments: [
            ("a", "a", nil), ("a.b-c_d:80", "a.b-c_d", 80), ("[::1]", "[::1]", nil),
            ("[fe80::1]:443", "[fe80::1]", 443), ("10.0.0.1:1", "10.0.0.1", 1),
        ] as [(String, String, Int?)])
    func hosts(_ text: String, _ host: String, _ port: Int?) {
        #expect(HostAndPort(text)?.host == host && HostAndPort(text)?.port == port)
    }
}
