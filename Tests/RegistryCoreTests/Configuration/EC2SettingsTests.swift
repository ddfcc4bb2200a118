import Testing

@testable import RegistryCore

@Suite("EC2 in the configuration") struct EC2SettingsTests {
    private static let required = """
        QUAY_USERNAME: robot+pull, QUAY_PASSWORD: p, WORKER_IMAGE: registry:5000/agent, WORKER_TAG: v1,
        EC2_REGION: eu-west-1, AWS_ACCESS_KEY: AKIA, AWS_SECRET_KEY: secret, EC2_INSTANCE_TYPE: c6i.xlarge
        """

    private static func load(_ keys: String) throws -> ExecutorSettings? {
        try ConfigurationFolder.load(
            "FEATURE_MAILING: false\nBUILD_MANAGER: {ORCHESTRATOR: {MEM_: 1}, EXECUTORS: [{EXECUTOR: ec2, "
                + keys.replacing("\n", with: " ") + "}]}", audience: .buildman
        ).builds.manager?.executors.first
    }

    @Test("needs its eight keys, and has defaults for the others") func defaults() throws {
        guard case .ec2(let settings) = try #require(try Self.load(Self.required)).kind else {
            Issue.record("not ec2")
            return
        }
        #expect(settings.image == nil && settings.channel == "stable" && settings.diskGigabytes == 48)
        #expect(settings.streamsAddress == "https://builds.coreos.fedoraproject.org/streams")
        #expect(settings.hasPublicAddress && settings.subnetID == nil && settings.endpoint == nil)
        #expect(settings.pollPeriod == .seconds(10))
    }

    @Test("names every key that is missing at once") func missing() throws {
        let problems = #expect(throws: ConfigurationProblems.self) { try Self.load("NAME: cloud") }
        let places = problems?.problems.map { $0.path.split(separator: ".").last.map(String.init) ?? "" } ?? []
        #expect(
            Set(places).isSuperset(of: [
                "QUAY_USERNAME", "QUAY_PASSWORD", "WORKER_TAG", "EC2_REGION", "AWS_ACCESS_KEY", "AWS_SECRET_KEY",
                "EC2_INSTANCE_TYPE",
            ]), "\(places)")
    }

    @Test(
        "refuses values that would become part of an address, a launch or a reference",
        arguments: [
            ("EC2_REGION", "\"x/../y\""), ("EC2_REGION", "\"eu west\""), ("EC2_INSTANCE_TYPE", "\"a&b\""),
            ("COREOS_AMI", "\"ami 1\""), ("COREOS_CHANNEL", "\"../stable\""), ("EC2_VPC_SUBNET_ID", "\"a b\""),
            ("EC2_SECURITY_GROUP_IDS[1]", "[sg-1, \"sg 2\"]"), ("COREOS_STREAMS_URL", "ftp://x"),
            ("EC2_ENDPOINT", "ec2.example.com"), ("BLOCK_DEVICE_SIZE", "1"), ("EC2_POLL_PERIOD", "0"),
            ("EC2_ASSOCIATE_PUBLIC_IP", "maybe"), ("WORKER_TAG", "\"v 1\""), ("WORKER_IMAGE", "\"a'b\""),
            ("QUAY_USERNAME", "\"a:b\""),
        ])
    func refuses(_ place: String, _ value: String) throws {
        let key = String(place.prefix { $0 != "[" })
        let others = Self.required.replacing("\n", with: " ").split(separator: ",").filter {
            !$0.contains("\(key):")
        }.joined(separator: ",")
        let problems = #expect(throws: ConfigurationProblems.self) { try Self.load("\(others), \(key): \(value)") }
        #expect(problems?.problems.map(\.path) == ["BUILD_MANAGER.EXECUTORS[0].\(place)"])
    }
}
