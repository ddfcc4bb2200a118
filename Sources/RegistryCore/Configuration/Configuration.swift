/// Everything that an administrator can set, with defaults for what is left out.
///
/// One section for each part of the product; key names, types, defaults and meanings are those of Quay's config.yaml.
/// Made by ``ConfigurationLoader`` only, so that nothing here is unchecked.
package struct Configuration: Sendable {
    package let server: ServerSection
    package let connections: ConnectionsSection
    package let database: DatabaseSection
    package let storage: StorageSection
    package let redis: RedisSection
    package let mail: MailSection
    package let security: SecuritySection
    package let registry: ImagesSection
    package let builds: BuildsSection
    package let notifications: NotificationsSection
    package let usageLogs: UsageLogsSection
    package let securityScan: SecurityScanSection
    package let sourceControl: SourceControlSection
    package let features: FeatureFlags
    /// The folder for everything that the configuration gives no place of its own (`--data-dir`).
    package let dataDirectory: String
    /// The file that was read, as the user named it; nil for the built-in defaults.
    package let file: String?
    /// To be logged once at the start.
    package let warnings: [ConfigurationProblem]
}
