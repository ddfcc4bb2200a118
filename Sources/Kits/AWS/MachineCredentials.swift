import Foundation
import WebRequests

/// Asks the machine that we run on for keys, in the order in which AWS's own programs do.
///
/// Source: AWS SDKs and Tools Reference, "Standardized credential providers"; EC2 User Guide, "IMDSv2".
struct MachineCredentials: Sendable {
    private typealias Unavailable = AWSCredentialSource.Unavailable

    let environment: [String: String]
    // The metadata services answer on link-local addresses and the loopback, and never through a proxy.
    private let near = WebClient(
        addresses: .publicOnly(except: ["169.254.0.0/16", "127.0.0.0/8", "fd00:ec2::/32"].compactMap { try? CIDR($0) }))

    init(environment: [String: String]) { self.environment = environment }

    func ask() async throws -> AWSCredentials {
        if let id = value("AWS_ACCESS_KEY_ID"), let secret = value("AWS_SECRET_ACCESS_KEY") {
            return AWSCredentials(accessKeyID: id, secretAccessKey: secret, sessionToken: value("AWS_SESSION_TOKEN"))
        }
        if let path = value("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") {
            return try await container("http://169.254.170.2\(path)")
        }
        if let address = value("AWS_CONTAINER_CREDENTIALS_FULL_URI") { return try await container(address) }
        if value("AWS_EC2_METADATA_DISABLED")?.lowercased() == "true" { throw Self.none("") }
        return try await instance()
    }

    /// Keys of the role of an ECS task, or of an EKS pod.
    private func container(_ address: String) async throws -> AWSCredentials {
        var headers: WebHeaders = [:]
        if let path = value("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
            do {
                headers["Authorization"] = try String(contentsOfFile: path, encoding: .utf8)
                    .trimmingCharacters(in: .whitespacesAndNewlines)
            } catch { throw Self.none("the token file \(path) can't be read") }
        } else if let token = value("AWS_CONTAINER_AUTHORIZATION_TOKEN") {
            headers["Authorization"] = token
        }
        return try Self.lent(try await text(.get, address, headers))
    }

    /// Keys of the instance's role, by the second version of the metadata service only: the first one lends them to
    /// whoever makes us send a request.
    private func instance() async throws -> AWSCredentials {
        var base = value("AWS_EC2_METADATA_SERVICE_ENDPOINT") ?? "http://169.254.169.254"
        while base.hasSuffix("/") { base.removeLast() }
        let token = try await text(
            .put, base + "/latest/api/token", ["X-aws-ec2-metadata-token-ttl-seconds": "21600"])
        let headers: WebHeaders = ["X-aws-ec2-metadata-token": token]
        let roles = base + "/latest/meta-data/iam/security-credentials/"
        guard let role = try await text(.get, roles, headers).split(whereSeparator: \.isNewline).first else {
            throw Self.none("the instance has no role")
        }
        return try Self.lent(
            try await text(.get, roles + SigV4Signer.encoded(path: String(role)), headers))
    }

    private func text(_ method: WebRequest.Method, _ address: String, _ headers: WebHeaders) async throws -> String {
        var request = WebRequest(method, address, headers: headers)
        request.timeouts = .init(total: .seconds(5), connect: .seconds(2), idle: .seconds(5))
        request.redirects = .none
        request.maximumBodyBytes = 65_536
        do { return try await near.send(request).requiringSuccess().text } catch let error as WebError {
            throw Self.none("\(error)")
        }
    }

    private struct Lent: Decodable {
        let AccessKeyId: String
        let SecretAccessKey: String
        let Token: String
        let Expiration: String
    }

    private static func lent(_ text: String) throws -> AWSCredentials {
        do {
            let lent = try JSONDecoder().decode(Lent.self, from: Data(text.utf8))
            return AWSCredentials(
                accessKeyID: lent.AccessKeyId, secretAccessKey: lent.SecretAccessKey, sessionToken: lent.Token,
                expiresAt: try Date.ISO8601FormatStyle().parse(lent.Expiration))
        } catch { throw none("the metadata service's answer has no keys") }
    }

    private static func none(_ reason: String) -> Unavailable {
        Unavailable(
            description: "No AWS keys were found: write them into the configuration or into AWS_ACCESS_KEY_ID and "
                + "AWS_SECRET_ACCESS_KEY, or give the machine a role" + (reason.isEmpty ? "." : " (\(reason))."))
    }

    private func value(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
}
