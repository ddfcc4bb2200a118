import Foundation
import TestSupport
import WebRequests

/// The farm as a client sees it: REST calls with an OAuth token, uploads, builds, pulls.
extension Farm {
    /// An answer of the API: its status and its JSON object (empty when it is none).
    struct Answer {
        let status: Int
        let text: String
        var object: [String: Any] {
            (try? JSONSerialization.jsonObject(with: Data(text.utf8))) as? [String: Any] ?? [:]
        }
        func string(_ key: String) throws -> String {
            guard let value = object[key] as? String else { throw Failed(description: "no \(key) in \(text)") }
            return value
        }
    }

    func call(_ method: WebRequest.Method, _ path: String, _ body: [String: Any]? = nil, token: String?) async throws
        -> Answer
    {
        var request = WebRequest(method, path.hasPrefix("http") ? path : url + path)
        if let token { request.authorize(bearer: token) }
        if let body {
            request.headers["Content-Type"] = "application/json"
            request.body = .bytes([UInt8](try JSONSerialization.data(withJSONObject: body)))
        }
        let answer = try await client.send(request)
        return Answer(status: answer.status, text: answer.text)
    }

    /// Creates the first superuser and answers its OAuth token.
    func initialize() async throws -> String {
        let answer = try await call(
            .post, "/api/v1/user/initialize",
            [
                "username": Self.user, "password": Self.password, "email": "admin@example.com", "access_token": true,
            ], token: nil)
        return try answer.string("access_token")
    }

    func createRepository(_ name: String, visibility: String = "public", token: String) async throws {
        let answer = try await call(
            .post, "/api/v1/repository",
            ["repository": name, "namespace": Self.user, "visibility": visibility, "description": ""], token: token)
        guard answer.status == 201 else { throw Failed(description: "create \(name): \(answer.status) \(answer.text)") }
    }

    /// Uploads `file` as a build pack and answers its id.
    func upload(_ file: String, mimeType: String = "application/gzip", token: String) async throws -> String {
        let drop = try await call(.post, "/api/v1/filedrop/", ["mimeType": mimeType], token: token)
        var put = WebRequest(.put, try drop.string("url"), headers: ["Content-Type": mimeType])
        put.body = .file(path: file)
        let answer = try await client.send(put)
        guard answer.status == 200 else { throw Failed(description: "upload: \(answer.status) \(answer.text)") }
        return try drop.string("file_id")
    }

    /// Packs the files (path: text) as tar.gz, uploads them and starts a build; answers the build's id.
    func build(
        _ repository: String, files: [String: String], tags: [String] = ["latest"], token: String
    ) async throws -> String {
        let context = try TemporaryFolder()
        for (path, text) in files {
            let parent = (context.path("files/\(path)") as NSString).deletingLastPathComponent
            try FileManager.default.createDirectory(atPath: parent, withIntermediateDirectories: true)
            try context.write(text, to: "files/\(path)")
        }
        let archive = context.path("pack.tar.gz")
        try await run("tar", "-C", context.path("files"), "-czf", archive, ".")
        let file = try await upload(archive, token: token)
        return try await build(repository, request: ["file_id": file, "docker_tags": tags], token: token)
    }

    func build(_ repository: String, request: [String: Any], token: String) async throws -> String {
        let answer = try await call(
            .post, "/api/v1/repository/\(Self.user)/\(repository)/build/", request, token: token)
        guard answer.status == 201 else { throw Failed(description: "build: \(answer.status) \(answer.text)") }
        return try answer.string("id")
    }

    func phase(of build: String, in repository: String, token: String) async throws -> String {
        try await call(.get, "/api/v1/repository/\(Self.user)/\(repository)/build/\(build)", token: token).string(
            "phase")
    }

    /// The build's log as lines of `type message`.
    func log(of build: String, in repository: String, token: String) async throws -> [String] {
        let path = "/api/v1/repository/\(Self.user)/\(repository)/build/\(build)/logs?start=0"
        let logs = try await call(.get, path, token: token).object["logs"] as? [[String: Any]] ?? []
        return logs.map { "\($0["type"] as? String ?? "") \($0["message"] as? String ?? "")" }
    }

    /// Waits until the build has ended and answers its last phase.
    func outcome(
        of build: String, in repository: String, token: String, within limit: Duration = .seconds(120)
    ) async throws -> String {
        let ended: Set = ["complete", "error", "cancelled", "expired"]
        try await eventually("the build \(build) ends", within: limit) {
            ended.contains(try await phase(of: build, in: repository, token: token))
        }
        return try await phase(of: build, in: repository, token: token)
    }

    /// Runs a program to its end; answers what it printed, throws when it fails.
    @discardableResult
    func run(_ program: String, _ arguments: String..., environment: [String: String] = [:]) async throws -> String {
        let child = try ChildProcess(program, arguments, environment: environment)
        let code = try await child.exit(within: .seconds(120))
        guard code == 0 else {
            throw Failed(
                description: "\(program) \(arguments.joined(separator: " ")) ended with \(code): \(child.printed)")
        }
        return child.printed
    }

    /// Makes the busybox base image and pushes it to `admin/busybox`, which becomes public.
    func pushBaseImage(token: String) async throws {
        try await createRepository("busybox", token: token)
        try await run(
            Programs.root.appending(path: "scripts/make-base-image").path, folder.path("base-storage"),
            "\(host)/\(Self.user)/busybox:latest", environment: ["CREDENTIALS": "\(Self.user):\(Self.password)"])
    }

    /// Pulls an image with skopeo, without credentials unless given, and unpacks its layers; answers the root folder.
    func pull(_ reference: String, credentials: String? = nil) async throws -> String {
        let image = folder.path("pulled-\(reference.replacingOccurrences(of: "/", with: "_"))")
        try? FileManager.default.removeItem(atPath: image)
        let login = credentials.map { ["--src-creds", $0] } ?? ["--src-no-creds"]
        let child = try ChildProcess(
            "skopeo",
            ["copy", "--insecure-policy", "--src-tls-verify=false"] + login
                + ["docker://\(host)/\(reference)", "dir:\(image)"])
        guard try await child.exit(within: .seconds(60)) == 0 else { throw Failed(description: child.printed) }
        let manifest =
            try JSONSerialization.jsonObject(
                with: Data(contentsOf: URL(fileURLWithPath: "\(image)/manifest.json"))) as? [String: Any]
        let layers = manifest?["layers"] as? [[String: Any]] ?? []
        let root = "\(image)/root"
        try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
        for layer in layers {
            let digest = (layer["digest"] as? String ?? "").replacingOccurrences(of: "sha256:", with: "")
            try await run("tar", "-C", root, "-xf", "\(image)/\(digest)")
        }
        return root
    }
}
