import Foundation
package import Runtime
import WebRequests

/// Starts, finds and ends machines of EC2, or of a service that speaks EC2's query protocol.
///
/// Every call may be repeated, and is repeated here, with growing waits, while the service says that it is overloaded or
/// does not answer: a launch carries its token, so that it starts one instance however often it is sent. All methods
/// throw ``EC2Error``, or `CancellationError`. Source: Amazon EC2 API Reference, version 2016-11-15.
package struct EC2Client: Sendable {
    private let address: WebURL
    private let host: String
    private let credentials: AWSCredentialSource
    private let client: WebClient
    private let clock: WallClock
    private let randomness: Randomness
    private let patience: Patience
    private let signer: SigV4Signer

    /// - Parameters:
    ///   - address: of another service than AWS's for the region.
    ///   - authorities: PEM files of certificate authorities that are trusted besides the system's.
    package init(
        region: String, address: String? = nil, credentials: AWSCredentialSource, authorities: [String] = [],
        clock: WallClock = .system, randomness: Randomness = .system,
        patience: Patience = Patience(firstPause: .milliseconds(500))
    ) throws(EC2Error) {
        let domain = region.hasPrefix("cn-") ? "amazonaws.com.cn" : "amazonaws.com"
        do { self.address = try WebURL(address ?? "https://ec2.\(region).\(domain)/") } catch {
            throw EC2Error(.failed, "The address of EC2 can't be used: \(error)")
        }
        let name = self.address.host.contains(":") ? "[\(self.address.host)]" : self.address.host
        let isStandardPort = self.address.port == (self.address.scheme == "https" ? 443 : 80)
        host = isStandardPort ? name : "\(name):\(self.address.port)"
        self.credentials = credentials
        // The operator named the service: it may be anywhere, and behind a proxy.
        client = WebClient(
            addresses: .any,
            trust: authorities.isEmpty
                ? .system : TLSTrust(authorities: .systemAnd(authorities.map { .file(path: $0) })))
        self.clock = clock
        self.randomness = randomness
        self.patience = patience
        signer = SigV4Signer(region: region, service: "ec2", style: .general)
    }

    /// Starts one instance, which is terminated when it shuts itself down, and whose metadata needs a session.
    ///
    /// Throws ``EC2Error`` of kind `unavailable` when it may have been started all the same.
    package func run(_ launch: EC2Launch) async throws -> EC2Instance {
        let answer = try await send(Self.parameters(of: launch), doing: "Starting an instance")
        guard let item = answer["instancesSet"]?["item"], let instance = EC2Instance(item) else {
            throw EC2Error(.unavailable, "Starting an instance: EC2 did not say which.")
        }
        return instance
    }

    /// Ends an instance with its disk; answers the state it is in then. One that has ended is none.
    package func terminate(_ id: String) async throws -> EC2Instance.State {
        let answer = try await send(
            ["Action": "TerminateInstances", "InstanceId.1": id], doing: "Ending the instance \(id)")
        let name = answer["instancesSet"]?["item"]?["currentState"]?.text("name")
        return name.flatMap(EC2Instance.State.init) ?? .shuttingDown
    }

    /// The instances that have all of these tags, in any state; what ended more than an hour ago may be missing, and so
    /// may be what was started a moment ago.
    package func instances(tagged tags: [String: String]) async throws -> [EC2Instance] {
        var parameters = ["Action": "DescribeInstances", "MaxResults": "1000"]
        for (index, tag) in tags.sorted(by: { $0.key < $1.key }).enumerated() {
            parameters["Filter.\(index + 1).Name"] = "tag:\(tag.key)"
            parameters["Filter.\(index + 1).Value.1"] = tag.value
        }
        var found: [EC2Instance] = []
        while true {
            let answer = try await send(parameters, doing: "Looking at the instances")
            for reservation in answer["reservationSet"]?.all("item") ?? [] {
                found += (reservation["instancesSet"]?.all("item") ?? []).compactMap(EC2Instance.init)
            }
            guard let next = answer.text("nextToken"), !next.isEmpty else { return found }
            parameters["NextToken"] = next
        }
    }

    /// What is known of an image; nil when there is none that this account may use.
    package func image(_ id: String) async throws -> EC2Image? {
        do {
            let answer = try await send(
                ["Action": "DescribeImages", "ImageId.1": id], doing: "Looking at the image \(id)")
            return answer["imagesSet"]?["item"].flatMap(EC2Image.init)
        } catch let error as EC2Error where error.kind == .notFound { return nil }
    }

    /// Closes an instance's metadata service, with the user data in it, for good. The instance itself can't open it again.
    package func closeMetadata(of id: String) async throws {
        _ = try await send(
            ["Action": "ModifyInstanceMetadataOptions", "InstanceId": id, "HttpEndpoint": "disabled"],
            doing: "Closing the metadata of the instance \(id)")
    }

    static func parameters(of launch: EC2Launch) -> [String: String] {
        var parameters = [
            "Action": "RunInstances", "MinCount": "1", "MaxCount": "1", "ClientToken": launch.token,
            "ImageId": launch.imageID, "InstanceType": launch.instanceType,
            "UserData": Data(launch.userData).base64EncodedString(),
            "InstanceInitiatedShutdownBehavior": "terminate",
            "MetadataOptions.HttpTokens": "required", "MetadataOptions.HttpPutResponseHopLimit": "1",
            "BlockDeviceMapping.1.DeviceName": launch.rootDevice,
            "BlockDeviceMapping.1.Ebs.VolumeSize": "\(launch.diskGigabytes)",
            "BlockDeviceMapping.1.Ebs.DeleteOnTermination": "true",
        ]
        parameters["KeyName"] = launch.keyName
        var groups = "SecurityGroupId"
        if case .subnet(let id, let hasPublicAddress) = launch.network {
            parameters["NetworkInterface.1.DeviceIndex"] = "0"
            parameters["NetworkInterface.1.SubnetId"] = id
            parameters["NetworkInterface.1.AssociatePublicIpAddress"] = "\(hasPublicAddress)"
            parameters["NetworkInterface.1.DeleteOnTermination"] = "true"
            groups = "NetworkInterface.1.SecurityGroupId"
        }
        for (index, id) in launch.securityGroupIDs.enumerated() { parameters["\(groups).\(index + 1)"] = id }
        for (place, kind) in ["instance", "volume"].enumerated() {
            let prefix = "TagSpecification.\(place + 1)"
            parameters["\(prefix).ResourceType"] = kind
            for (index, tag) in launch.tags.sorted(by: { $0.key < $1.key }).enumerated() {
                parameters["\(prefix).Tag.\(index + 1).Key"] = tag.key
                parameters["\(prefix).Tag.\(index + 1).Value"] = tag.value
            }
        }
        return parameters
    }

    private func send(_ parameters: [String: String], doing: String) async throws -> XMLTree {
        let fields = parameters.map { (name: $0.key, value: $0.value) } + [(name: "Version", value: "2016-11-15")]
        let body = Array(SigV4Signer.encoded(query: fields).utf8)
        return try await patience.retrying(
            clock: clock, randomness: randomness, when: { ($0 as? EC2Error)?.kind == .unavailable }
        ) { try await send(once: body, doing: doing) }
    }

    private func send(once body: [UInt8], doing: String) async throws -> XMLTree {
        let type = (name: "Content-Type", value: "application/x-www-form-urlencoded; charset=utf-8")
        let signed: [(name: String, value: String)]
        do {
            signed = signer.headers(
                for: SigV4Signer.Request(
                    "POST", host: host, path: address.path, headers: [type], payload: .bytes(body)),
                with: try await credentials.current(), at: clock.now)
        } catch let error as AWSCredentialSource.Unavailable { throw EC2Error(.denied, "\(doing): \(error)") }
        var request = WebRequest(.post, address.text, body: .bytes(body))
        for field in [type] + signed { request.headers.add(field.name, field.value) }
        request.redirects = .none
        request.timeouts = .init(total: .seconds(60), connect: .seconds(5), idle: .seconds(30))
        do {
            let answer = try await client.send(request)
            guard answer.head.isSuccess else { throw EC2Error(status: answer.status, body: answer.body, doing: doing) }
            return try XMLTree(answer.body)
        } catch let error as WebError {
            throw EC2Error(error, doing: doing)
        } catch is XMLTree.Malformed {
            throw EC2Error(.unavailable, "\(doing): what answered is not EC2.")
        }
    }
}

extension EC2Instance {
    /// Nil for what is no instance.
    init?(_ item: XMLTree) {
        guard let id = item.text("instanceId"), !id.isEmpty,
            let state = (item["instanceState"]?.text("name")).flatMap(State.init)
        else { return nil }
        self.id = id
        self.state = state
        let reasons = [item["stateReason"]?.text("message"), item.text("reason")]
        reason = reasons.compactMap { $0 }.first { !$0.isEmpty } ?? ""
        launchedAt = item.text("launchTime").flatMap(Self.moment) ?? .distantPast
        tags = Dictionary(
            (item["tagSet"]?.all("item") ?? []).map { ($0.text("key") ?? "", $0.text("value") ?? "") },
            uniquingKeysWith: { first, _ in first })
    }

    /// With or without parts of a second.
    private static func moment(_ text: String) -> Date? {
        let whole = Date.ISO8601FormatStyle()
        return (try? whole.parse(text)) ?? (try? Date.ISO8601FormatStyle(includingFractionalSeconds: true).parse(text))
    }
}

extension EC2Image {
    init?(_ item: XMLTree) {
        guard let id = item.text("imageId"), !id.isEmpty else { return nil }
        self.id = id
        rootDevice = item.text("rootDeviceName").flatMap { $0.isEmpty ? nil : $0 } ?? "/dev/xvda"
        architecture = item.text("architecture") ?? ""
        state = item.text("imageState") ?? ""
    }
}
