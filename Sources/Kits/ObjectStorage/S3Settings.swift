import AWS
import Runtime

/// Which bucket, and how to speak to it.
package struct S3Settings: Sendable, Hashable {
    package var bucket: String
    /// What the names of all our objects begin with, without slashes around it; empty for the whole bucket.
    package var prefix: String
    /// Nil: the machine's own keys (environment, container role, instance role).
    package var keys: Keys?
    package var region: String?
    /// Nil: AWS.
    package var host: String?
    package var port: Int?
    package var usesTLS = true
    package var usesPathStyle = false
    /// PEM files of authorities that are trusted besides the system's.
    package var authorities: [String] = []
    package var environment: [String: String] = [:]
    /// How long the first pause is after the service said "not now".
    package var firstPause = Duration.milliseconds(200)

    package struct Keys: Sendable, Hashable {
        package let id: String
        package let secret: String

        package init(id: String, secret: String) {
            self.id = id
            self.secret = secret
        }
    }

    package init(bucket: String, prefix: String = "", keys: Keys?) {
        self.bucket = bucket
        self.prefix = prefix
        self.keys = keys
    }

    func client(randomness: Randomness) -> S3Client {
        let source =
            keys.map { AWSCredentialSource(AWSCredentials(accessKeyID: $0.id, secretAccessKey: $0.secret)) }
            ?? AWSCredentialSource(environment: environment)
        let addressing: S3Endpoint.Addressing? = usesPathStyle ? .path : host == nil ? nil : .virtualHost
        return S3Client(
            S3Endpoint(
                bucket: bucket, host: host, port: port, region: region, usesTLS: usesTLS, addressing: addressing),
            credentials: source, authorities: authorities, randomness: randomness,
            patience: .init(firstPause: firstPause))
    }
}
