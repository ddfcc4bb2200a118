import AWS
import Logging
import RegistryCore
import Runtime

/// From the configuration to an executor.
extension EC2Executor {
    /// Where builders belong to.
    struct Site: Sendable {
        let server: ServerSection
        /// The name of this manager, for people.
        let manager: String
    }

    /// Throws ``ExecutorFailure`` or `EC2Error` for settings that no instance could be started with.
    init(
        _ executor: ExecutorSettings, _ ec2: EC2Settings, profile: ExecutorProfile, site: Site, clock: WallClock,
        logger: Logger
    ) throws {
        var machine = BuilderMachine.Settings(executor, server: site.server)
        machine.hasForeignKeys = ec2.keyName != nil
        let client = try EC2Client(
            region: ec2.region, address: ec2.endpoint,
            credentials: AWSCredentialSource(
                AWSCredentials(accessKeyID: ec2.accessKey, secretAccessKey: ec2.secretKey)),
            authorities: site.server.extraAuthorityFiles, clock: clock)
        self.init(
            Settings(
                profile: profile, keepsBuilders: executor.keepsBuilders, pollPeriod: ec2.pollPeriod),
            request: LaunchRequest(
                settings: ec2, machine: try BuilderMachine(machine), registry: site.server.hostname,
                executor: executor.name, manager: site.manager),
            client: client, images: ImageLookup(ec2, client: client, clock: clock, logger: logger), clock: clock,
            logger: logger)
    }
}
