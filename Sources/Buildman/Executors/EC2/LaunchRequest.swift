import AWS
import Domain
import OCI
import RegistryCore

/// What EC2 is asked for one builder, and how a builder is known among the instances of an account.
struct LaunchRequest: Sendable {
    /// Names of tags.
    private enum Tag {
        static let registry = "Registry"
        static let executor = "Executor"
        static let build = "BuildUUID"
        static let attempt = "Attempt"
    }

    let settings: EC2Settings
    let machine: BuilderMachine
    /// SERVER_HOSTNAME: whose builders these are.
    let registry: String
    /// The executor's name: two of one registry have builders of their own.
    let executor: String
    /// The name of this manager, for people who look at the instance.
    let manager: String

    /// The instance of one attempt. Throws ``ExecutorFailure``.
    func launch(for launch: BuilderLaunch, from image: EC2Image) async throws -> EC2Launch {
        let document = try machine.document(for: launch)
        var request = EC2Launch(
            imageID: image.id, instanceType: settings.instanceType, token: token(of: launch.key),
            userData: try await UserData.of(document), rootDevice: image.rootDevice,
            diskGigabytes: settings.diskGigabytes)
        request.keyName = settings.keyName
        if let subnet = settings.subnetID {
            request.network = .subnet(subnet, hasPublicAddress: settings.hasPublicAddress)
        }
        request.securityGroupIDs = settings.securityGroupIDs
        request.tags = tags(of: launch.key)
        request.tags["Name"] = "Quay Ephemeral Builder"
        request.tags["Manager"] = Self.value(manager)
        return request
    }

    /// What all builders of this executor have.
    var ownTags: [String: String] { [Tag.registry: Self.value(registry), Tag.executor: Self.value(executor)] }

    /// What the builder of one attempt has.
    func tags(of key: JobKey) -> [String: String] {
        ownTags.merging([Tag.build: key.buildUUID, Tag.attempt: "\(key.attempt)"]) { $1 }
    }

    /// Which attempt an instance was started for; nil for one that is not this executor's.
    func key(of instance: EC2Instance) -> JobKey? {
        let isOwn = ownTags.allSatisfy { instance.tags[$0.key] == $0.value }
        guard isOwn, let build = instance.tags[Tag.build], let attempt = instance.tags[Tag.attempt] else { return nil }
        return try? JobKey("\(build)-\(attempt)")
    }

    /// The same for every try of an attempt, and another for another executor of the same account: 64 characters at most.
    private func token(of key: JobKey) -> String {
        let mark = Digest(of: Array("\(registry) \(executor)".utf8)).hex.prefix(8)
        return String("\(key.text)-\(mark)".prefix(64))
    }

    /// What values of tags consist of. Source: Amazon EC2 User Guide, "Tag restrictions"; also no wildcards of filters.
    private static func value(_ text: String) -> String {
        String(
            text.prefix(200).map {
                $0.isASCII && ($0.isLetter || $0.isNumber || " +-=._:/@".contains($0)) ? $0 : "_"
            })
    }
}
