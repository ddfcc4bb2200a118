/// EXECUTOR: ec2: an instance for each build.
package struct EC2Settings: Sendable, Hashable {
    package let region: String
    package let accessKey: String
    package let secretKey: String
    package let instanceType: String
    /// COREOS_AMI; nil: looked up by ``channel``.
    package let image: String?
    /// COREOS_CHANNEL: a stream of Fedora CoreOS.
    package let channel: String
    /// COREOS_STREAMS_URL (own key): where the streams are described.
    package let streamsAddress: String
    package let keyName: String?
    package let subnetID: String?
    /// EC2_ASSOCIATE_PUBLIC_IP (own key): whether an instance in ``subnetID`` gets a public address.
    package let hasPublicAddress: Bool
    package let securityGroupIDs: [String]
    /// BLOCK_DEVICE_SIZE in gigabytes.
    package let diskGigabytes: Int
    /// EC2_ENDPOINT (own key): another server that speaks the protocol.
    package let endpoint: String?
    /// EC2_POLL_PERIOD (own key): pause between looks at the instances.
    package let pollPeriod: Duration
}

extension EC2Settings {
    init(_ reader: SectionReader) {
        func required(_ key: String, _ check: (String) -> Bool = { _ in true }) -> String {
            guard let value = reader.nonEmptyText(key) else {
                reader.missing(key, "EC2 starts no instance without it")
                return ""
            }
            if !check(value) { Self.refuse(key, value, reader) }
            return value
        }
        region = required("EC2_REGION", Self.isWord)
        accessKey = required("AWS_ACCESS_KEY")
        secretKey = required("AWS_SECRET_KEY")
        instanceType = required("EC2_INSTANCE_TYPE", Self.isWord)
        image = Self.word("COREOS_AMI", reader)
        channel = Self.word("COREOS_CHANNEL", reader) ?? "stable"
        streamsAddress =
            reader.webAddress("COREOS_STREAMS_URL") ?? "https://builds.coreos.fedoraproject.org/streams"
        keyName = reader.nonEmptyText("EC2_KEY_NAME")
        subnetID = Self.word("EC2_VPC_SUBNET_ID", reader)
        hasPublicAddress = reader.bool("EC2_ASSOCIATE_PUBLIC_IP", default: true)
        securityGroupIDs = reader.texts("EC2_SECURITY_GROUP_IDS")
        diskGigabytes = reader.integer("BLOCK_DEVICE_SIZE", default: 48, in: 8...16_384)
        endpoint = reader.webAddress("EC2_ENDPOINT")
        pollPeriod = reader.seconds("EC2_POLL_PERIOD", default: 10, atLeast: 0.01)
        for (index, id) in securityGroupIDs.enumerated() where !Self.isWord(id) {
            Self.refuse("EC2_SECURITY_GROUP_IDS[\(index)]", id, reader)
        }
    }

    private static func word(_ key: String, _ reader: SectionReader) -> String? {
        guard let value = reader.nonEmptyText(key) else { return nil }
        if isWord(value) { return value }
        refuse(key, value, reader)
        return nil
    }

    /// What names of regions, types, images, networks and streams consist of.
    private static func isWord(_ text: String) -> Bool {
        text.count <= 100 && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-" || $0 == ".") }
            && text.first != "." && text.first != "-"
    }

    private static func refuse(_ key: String, _ value: String, _ reader: SectionReader) {
        reader.problem(key, "Expected letters, digits, dashes and dots only, got \"\(value.prefix(60))\".")
    }
}
