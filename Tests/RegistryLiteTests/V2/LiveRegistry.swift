import Domain
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import OCI
import ObjectStorage
import RegistryCore
import Runtime
import SQL
import Secrets
import ServerTLS
import Synchronization
import TestSupport
import WebRequests

@testable import RegistryLite

/// A registry that really listens, with the users `owner` and `other`; stops with the value.
final class LiveRegistry: Sendable {
    /// What a registry keeps over its restarts.
    final class Data: Sendable {
        let database: TestDatabase
        let folder: TemporaryFolder
        let cipher = FieldCipher(secret: "secret of the test database", randomness: .system)
        let passwords = PasswordHasher(cost: 4, randomness: .system)

        /// Where blobs are; nil for the folder.
        let bucket: S3Settings?

        init(_ engine: TestDatabase.Engine, bucket: S3Settings? = nil) async throws {
            self.bucket = bucket
            database = try await engine.make()
            folder = try TemporaryFolder()
            try await Migrator(product: "test", migrations: Schema.migrations).migrate(database)
        }

        func platform(_ database: TestDatabase? = nil) async throws -> Platform {
            let objects: any ObjectStore
            if let bucket {
                objects = try await S3Store.open(bucket, location: "bucket", logger: Logger(label: "test"))
            } else {
                objects = try await LocalDiskStore.open(folder.path("storage"), location: "default")
            }
            return Platform(
                database: database ?? self.database, objects: objects, cipher: cipher, passwords: passwords,
                logger: Logger(label: "test"))
        }
    }

    static let password = "a-long-password"

    let data: Data
    let services: Registry
    /// `host:port`.
    let host: String
    private let running: Task<Void, any Error>
    /// What its connections have done.
    let traffic: Traffic
    /// Scheme and host.
    let base: String
    private let client: WebClient

    /// A new registry, or the one of `data` after a restart or beside itself.
    /// - Parameters:
    ///   - certificates: what to serve TLS with; nil for plain HTTP.
    ///   - limits: what a connection may cost.
    static func start(
        _ engine: TestDatabase.Engine = .sqlite, on data: Data? = nil, certificates: TestCertificates? = nil,
        limits: ConnectionLimits = .init(), proxiesStorage: Bool = false
    ) async throws -> LiveRegistry {
        let isNew = data == nil
        let data = if let data { data } else { try await Data(engine) }
        // Another test may take the port that was free a moment ago.
        for _ in 0..<10 {
            if let registry = try await start(
                on: data, isNew: isNew, port: FreePort.find(), certificates: certificates, limits: limits,
                proxiesStorage: proxiesStorage)
            {
                return registry
            }
        }
        throw NoPort()
    }

    struct NoPort: Error {}

    private static func start(
        on data: Data, isNew: Bool, port: Int, certificates: TestCertificates?, limits: ConnectionLimits,
        proxiesStorage: Bool
    ) async throws -> LiveRegistry? {
        let host = "127.0.0.1:\(port)"
        let services = Registry(
            platform: try await data.platform(isNew ? nil : try data.database.another()),
            site: SiteSettings(hostname: host, library: try Username("library"), proxiesStorage: proxiesStorage))
        if try await services.accounts.isEmpty() {
            for name in ["owner", "other"] {
                _ = try await services.accounts.create(
                    .init(username: name, password: password, email: "\(name)@example.com"),
                    .administrator(superuser: false))
            }
        }
        let v2 = V2Routes(services: services, urls: URLs(scheme: "http", hostname: host))
        let traffic = Traffic()
        let certificate = try certificates.map {
            try ServerCertificate(
                CertificateFiles(certificate: $0.serverCertificate, key: $0.serverKey),
                applicationProtocols: SecureChannel.applicationProtocols)
        }
        let (ready, isReady) = AsyncStream.makeStream(of: Void.self)
        let application = Application(
            responder: SiteResponder(
                parts: ["v2": { await v2.respond(to: $0, context: $1) }],
                otherwise: { _, _ in Response(status: .notFound) }),
            server: ServerPlumbing.builder(certificate: certificate, limits: limits, traffic: traffic),
            configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: port), serverName: nil),
            onServerRunning: { _ in isReady.yield() }, logger: Logger(label: "test"))
        let running = Task {
            defer { isReady.finish() }
            try await application.run()
        }
        guard await ready.first(where: { true }) != nil else { return nil }
        return LiveRegistry(
            data: data, services: services, host: host, running: running, traffic: traffic, certificates: certificates)
    }

    private init(
        data: Data, services: Registry, host: String, running: Task<Void, any Error>, traffic: Traffic,
        certificates: TestCertificates?
    ) {
        self.traffic = traffic
        base = "\(certificates == nil ? "http" : "https")://\(host)"
        client = WebClient(
            addresses: .any,
            trust: certificates.map { TLSTrust(authorities: .only([.file(path: $0.authority)])) } ?? .system)
        self.data = data
        self.services = services
        self.host = host
        self.running = running
    }

    deinit { running.cancel() }

    /// A token as a client gets it, for what `scopes` say.
    func token(_ scopes: [String], user: String = "owner") async throws -> String {
        let basic = Foundation.Data("\(user):\(Self.password)".utf8).base64EncodedString()
        let query = scopes.map { "scope=\($0)" }.joined(separator: "&")
        let answer = try await client.send(
            WebRequest(
                .get, "\(base)/v2/auth?service=\(host)&\(query)", headers: ["Authorization": "Basic \(basic)"])
        ).requiringSuccess()
        struct Body: Decodable { let token: String }
        return try JSONDecoder().decode(Body.self, from: Foundation.Data(answer.body)).token
    }

    func pushToken(_ name: String = "owner/app", user: String = "owner") async throws -> String {
        try await token(["repository:\(name):pull,push"], user: user)
    }

    /// One request; `path` begins with a slash.
    @discardableResult
    func send(
        _ method: WebRequest.Method, _ path: String, token: String? = nil, headers: [String: String] = [:],
        body: [UInt8]? = nil
    ) async throws -> WebResponse {
        var fields = WebHeaders()
        if let token { fields["Authorization"] = "Bearer \(token)" }
        for (name, value) in headers { fields[name] = value }
        var request = WebRequest(
            method, path.hasPrefix("http") ? path : "\(base)\(path)", headers: fields,
            body: body.map { .bytes($0) } ?? .none)
        request.redirects = .none
        return try await client.send(request)
    }

    /// Uploads a blob in one request and answers its digest.
    @discardableResult
    func upload(_ bytes: [UInt8], to name: String = "owner/app", token: String) async throws -> Digest {
        let digest = Digest(of: bytes)
        let answer = try await send(.post, "/v2/\(name)/blobs/uploads/?digest=\(digest)", token: token, body: bytes)
        guard answer.status == 201 else { throw Refused(answer: answer) }
        return digest
    }

    /// Begins an upload and answers its path.
    func begin(_ name: String = "owner/app", token: String) async throws -> String {
        let answer = try await send(.post, "/v2/\(name)/blobs/uploads/", token: token)
        guard answer.status == 202, let location = answer.headers["Location"] else { throw Refused(answer: answer) }
        return location
    }

    struct Refused: Error, CustomStringConvertible {
        let answer: WebResponse
        var description: String { "\(answer.status) \(answer.text)" }
    }

    static func remove(_ path: String) throws { try FileManager.default.removeItem(atPath: path) }

    /// The stored files below the storage folder, without the marker.
    func storedFiles() throws -> [String] {
        let root = data.folder.path("storage")
        return try FileManager.default.subpathsOfDirectory(atPath: root).filter { path in
            var isFolder: ObjCBool = false
            return FileManager.default.fileExists(atPath: "\(root)/\(path)", isDirectory: &isFolder)
                && !isFolder.boolValue
                && path != "registry-storage"
        }
    }
}

extension WebResponse {
    /// The codes of a `/v2` error.
    var codes: [String] {
        struct Body: Decodable {
            struct Entry: Decodable { let code: String }
            let errors: [Entry]
        }
        return (try? JSONDecoder().decode(Body.self, from: Foundation.Data(body)).errors.map(\.code)) ?? []
    }
}

func pattern(_ count: Int, seed: Int = 1) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: ($0 &* 31 &+ seed) ^ ($0 >> 7)) }
}
