import Foundation
import OCI
import TestSupport
import WebRequests

/// RegistryLite alone as a real process with a superuser: killed, started again and looked at from outside.
final class LoneRegistry: Sendable {
    struct Failed: Error, CustomStringConvertible { let description: String }

    let folder: TemporaryFolder
    let database: TestDatabase?
    let server: Server
    let port: Int
    let config: String
    let client = WebClient(addresses: .any)

    static let user = "admin"
    static let password = "correct-horse-battery"

    var host: String { "127.0.0.1:\(port)" }
    var url: String { "http://\(host)" }
    var data: String { folder.path("data") }
    var storage: String { "\(data)/storage" }

    /// A registry that does not run yet.
    ///
    /// - Parameters:
    ///   - settings: further lines of config.yaml.
    ///   - launcher: what the program is started by; its words go before the program's own.
    init(
        _ engine: TestDatabase.Engine, settings: String = "", launcher: [String] = [],
        environment: [String: String] = [:], data: String? = nil
    ) async throws {
        folder = try TemporaryFolder()
        port = try FreePort.find()
        database = engine == .postgres ? try await TestDatabase.postgres() : nil
        let data = data ?? folder.path("data")
        try FileManager.default.createDirectory(
            atPath: data, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        config = try folder.write(
            """
            SERVER_HOSTNAME: 127.0.0.1:\(port)
            DB_URI: \(database?.uri ?? "sqlite:///\(data)/registry.db")
            FEATURE_USER_INITIALIZE: true
            FEATURE_MAILING: false
            \(settings)
            """, to: "config.yaml")
        let words =
            launcher + [
                Programs.registryLite, "serve", "--config", config, "--listen", "127.0.0.1:\(port)", "--data-dir", data,
            ]
        server = Server(words[0], Array(words.dropFirst()), environment: environment)
    }

    /// Starts the program and waits until it answers.
    func start() async throws {
        try server.start()
        for _ in 0..<600 {
            // Not its health: a small disk is none.
            if let answer = try? await client.send(WebRequest(.get, "\(url)/v2/")), answer.status == 401 { return }
            if let code = server.exitCode {
                throw Failed(description: "RegistryLite ended with \(code): \(server.log)")
            }
            try await Task.sleep(for: .milliseconds(50))
        }
        throw Failed(description: "RegistryLite does not answer after 30 s: \(server.log)")
    }

    /// Creates the first superuser and answers an OAuth token of theirs.
    @discardableResult
    func initialize() async throws -> String {
        let body = """
            {"username":"\(Self.user)","password":"\(Self.password)","email":"admin@example.com","access_token":true}
            """
        let answer = try await api(.post, "/api/v1/user/initialize", body)
        struct Reply: Decodable { let access_token: String }
        return try JSONDecoder().decode(Reply.self, from: Data(answer.body)).access_token
    }

    /// One call of the API with an OAuth token.
    @discardableResult
    func api(_ method: WebRequest.Method, _ path: String, _ body: String? = nil, token: String? = nil) async throws
        -> WebResponse
    {
        var request = WebRequest(method, url + path)
        if let token { request.authorize(bearer: token) }
        if let body {
            request.headers["Content-Type"] = "application/json"
            request.body = .bytes(Array(body.utf8))
        }
        return try await client.send(request)
    }

    /// A registry token of the superuser for pulls and pushes in the repositories.
    func token(_ repositories: [String]) async throws -> String {
        let scopes = repositories.map { "scope=repository:\($0):pull,push" }.joined(separator: "&")
        let basic = Data("\(Self.user):\(Self.password)".utf8).base64EncodedString()
        let answer = try await client.send(
            WebRequest(
                .get, "\(url)/v2/auth?service=\(host)&\(scopes)", headers: ["Authorization": "Basic \(basic)"])
        ).requiringSuccess()
        struct Reply: Decodable { let token: String }
        return try JSONDecoder().decode(Reply.self, from: Data(answer.body)).token
    }

    /// One request of /v2; `path` as a Location header has it.
    func send(
        _ method: WebRequest.Method, _ path: String, token: String?, headers: [String: String] = [:],
        body: [UInt8]? = nil
    ) async throws -> WebResponse {
        var request = WebRequest(method, path.hasPrefix("http") ? path : url + path)
        if let token { request.authorize(bearer: token) }
        for (name, value) in headers { request.headers[name] = value }
        if let body { request.body = .bytes(body) }
        request.redirects = .none
        return try await client.send(request)
    }

    /// Uploads a blob in one request; answers its digest and the status.
    func upload(_ bytes: [UInt8], to repository: String, token: String) async throws -> (Digest, WebResponse) {
        let digest = Digest(of: bytes)
        return (
            digest,
            try await send(.post, "/v2/\(repository)/blobs/uploads/?digest=\(digest)", token: token, body: bytes)
        )
    }

    /// Pushes an image of one layer under a tag; answers the manifest's digest.
    @discardableResult
    func push(_ layer: [UInt8], to repository: String, tag: String, token: String) async throws -> Digest {
        var digests: [Digest] = []
        for bytes in [Array("{}".utf8), layer] {
            let (digest, answer) = try await upload(bytes, to: repository, token: token)
            guard answer.status == 201 else { throw Failed(description: "blob: \(answer.status) \(answer.text)") }
            digests.append(digest)
        }
        let manifest = Self.manifest(config: digests[0], configSize: 2, layers: [(digests[1], layer.count)])
        let answer = try await send(
            .put, "/v2/\(repository)/manifests/\(tag)", token: token,
            headers: ["Content-Type": MediaType.ociImage.text], body: manifest)
        guard answer.status == 201 else { throw Failed(description: "manifest: \(answer.status) \(answer.text)") }
        return Digest(of: manifest)
    }

    static func manifest(config: Digest, configSize: Int, layers: [(Digest, Int)]) -> [UInt8] {
        let list = layers.map {
            #"{"mediaType":"\#(MediaType.ociLayerGzip)","digest":"\#($0.0)","size":\#($0.1)}"#
        }.joined(separator: ",")
        return Array(
            """
            {"schemaVersion":2,"mediaType":"\(MediaType.ociImage)",\
            "config":{"mediaType":"\(MediaType.ociConfig)","digest":"\(config)","size":\(configSize)},\
            "layers":[\(list)]}
            """.utf8)
    }

    /// Waits until `condition` holds; asks every 50 ms.
    func eventually(
        _ what: String, within limit: Duration = .seconds(30), _ condition: () async throws -> Bool
    ) async throws {
        let deadline = ContinuousClock.now + limit
        while try await !condition() {
            guard ContinuousClock.now < deadline else {
                throw Failed(description: "Not within \(limit): \(what)\n\(server.log)")
            }
            try await Task.sleep(for: .milliseconds(50))
        }
    }
}
