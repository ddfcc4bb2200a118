import Foundation
import Logging
package import ObjectStorage
import Runtime
import Synchronization
import WebRequests

/// An S3 service of the test process's own, on a free port of the loopback: moto behind a gate that checks every
/// signature, and fails when it is told to. It forgets everything when it ends.
package final class S3Server: Sendable {
    package static let keys = S3Settings.Keys(id: "AKIDTEST", secret: "secret/of+the=tests")

    package let port: Int
    private let process: Mutex<ChildProcess?>
    private let client = WebClient(addresses: .any)

    /// One that serves the whole test process; buckets must be the test's own.
    package static var shared: S3Server {
        get async throws { try await starting.value }
    }

    private static let starting = Task { try await S3Server() }

    /// Starts a server; the first one on this machine installs moto.
    package init() async throws {
        let started = try await MotoProcess.start("s3_server.py", keys: (Self.keys.id, Self.keys.secret))
        port = started.port
        process = Mutex(started.process)
    }

    package var url: String { "http://127.0.0.1:\(port)" }

    /// A new, empty bucket of this service, to be opened with these settings.
    package func bucket() async throws -> S3Settings {
        let name = "test-" + Identifiers.system.uuid()
        try await client.send(WebRequest(.put, "\(url)/_gate/\(name)")).requiringSuccess()
        return settings(bucket: name)
    }

    /// For a bucket of any name.
    package func settings(bucket: String, prefix: String = "registry/one") -> S3Settings {
        var settings = S3Settings(bucket: bucket, prefix: prefix, keys: Self.keys)
        settings.host = "127.0.0.1"
        settings.port = port
        settings.usesTLS = false
        settings.usesPathStyle = true
        settings.firstPause = .milliseconds(5)
        return settings
    }

    /// A fresh location.
    package func store(location: String = "s3") async throws -> S3Store {
        try await S3Store.open(try await bucket(), location: location, logger: Logger(label: "test"))
    }

    /// The next `count` requests that fit are answered with `status`; no call of an earlier time counts any more.
    package func fail(_ count: Int, status: Int = 503, method: String = "", containing text: String = "") async throws {
        let query = "fail=\(count)&status=\(status)&method=\(method)&containing=\(text)"
        try await client.send(WebRequest(.post, "\(url)/_gate?\(query)")).requiringSuccess()
    }

    /// The names of everything in a bucket, without the prefix, and how many multipart uploads are under way in it.
    package func contents(of settings: S3Settings) async throws -> (names: [String], multiparts: Int) {
        let base = "\(url)/_gate/\(settings.bucket)"
        let list = try await client.send(WebRequest(.get, base + "?list-type=2")).requiringSuccess().text
        let uploads = try await client.send(WebRequest(.get, base + "?uploads")).requiringSuccess().text
        let names = list.matches(of: /<Key>([^<]*)<\/Key>/).map { String($0.1.dropFirst(settings.prefix.count + 1)) }
        return (names.sorted(), uploads.matches(of: /<UploadId>/).count)
    }

    /// What anybody gets at an address, without a key.
    package static func get(_ url: String, range: String? = nil) async throws -> (body: [UInt8], status: Int) {
        var request = WebRequest(.get, url)
        if let range { request.headers["Range"] = range }
        let answer = try await WebClient(addresses: .any).send(request)
        return (answer.body, answer.status)
    }

    /// Ends the service at once; what it knew is lost.
    package func kill() async throws {
        let killed = process.withLock { process in
            defer { process = nil }
            return process
        }
        killed?.kill()
        try await killed?.exit()
    }
}

extension S3Settings {
    /// The drivers' parameters for a program that shall use this bucket, as one line of YAML.
    package var configuration: String {
        "[RadosGWStorage, {bucket_name: \(bucket), storage_path: /\(prefix), access_key: \(S3Server.keys.id), "
            + "secret_key: \"\(S3Server.keys.secret)\", hostname: \(host ?? ""), port: \(port ?? 0), is_secure: false}]"
    }
}
