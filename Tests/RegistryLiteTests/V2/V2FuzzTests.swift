import Domain
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOEmbedded
import OCI
import RegistryCore
import TestSupport
import Testing

@testable import RegistryLite

/// Requests made by chance: what strangers send is never answered with "the registry has failed".
@Suite("Fuzzing /v2") struct V2FuzzTests {
    @Test("an accepted path says the same when it is written again") func paths() throws {
        var fuzz = Fuzz("paths of /v2")
        let library = try Username("library")
        var accepted = 0
        for _ in 0..<Fuzz.count(of: 100_000) {
            let text = Self.path(&fuzz)
            guard let path = try? V2Path(text, library: library) else { continue }
            accepted += 1
            guard let written = Self.text(path) else { continue }
            #expect(try V2Path(written, library: library) == path, "\(text) (seed \(fuzz.seed))")
        }
        #expect(accepted > 1000)
    }

    @Test("a range that is answered lies inside the blob and is not empty") func ranges() {
        var fuzz = Fuzz("ranges")
        let pieces = ["bytes=", "0", "1", "99", "-", ",", " ", "9223372036854775807", "9223372036854775808", "x"]
        for _ in 0..<Fuzz.count(of: 100_000) {
            let size = Int64(fuzz.pick([0, 1, 2, 100, Int.max]))
            let header =
                fuzz.once(in: 4)
                ? fuzz.text(of: pieces, 0...5) : "bytes=\(fuzz.text(of: pieces, 0...1))-\(fuzz.text(of: pieces, 0...1))"
            guard case .part(let range) = ByteRange(header, size: size, etag: "\"e\"", ifRange: nil) else { continue }
            #expect(0 <= range.lowerBound && range.lowerBound < range.upperBound && range.upperBound <= size)
        }
    }

    @Test("a page is no larger than pages are, and a query holds no control characters") func queries() throws {
        var fuzz = Fuzz("queries")
        let pieces = ["n=", "last=", "&", "0", "5", "99999", "%31", "%", "+", "a/b", "%0A", "%00", "="]
        for _ in 0..<Fuzz.count(of: 100_000) {
            guard let query = try? V2Query(fuzz.text(of: pieces, 0...6)) else { continue }
            for value in query.all("last") { #expect(!value.unicodeScalars.contains { $0.value < 0x20 }) }
            guard let page = try? V2Page(query) else { continue }
            #expect((0...V2Page.maximum).contains(page.limit))
        }
    }

    @Test("SEC-Resource exhaustion: no request by chance is answered with 5xx", arguments: TestDatabase.allEngines)
    func requests(_ engine: TestDatabase.Engine) async throws {
        var fuzz = Fuzz("requests")
        let registry = try await LiveRegistry.start(engine)
        let tokens = [
            nil, try await registry.pushToken(), try await registry.token(["repository:owner/app:pull"]), "x.y.z",
            try await registry.token([]),
        ]
        let known = try await registry.upload(Array("{}".utf8), token: tokens[1] ?? "")
        let routes = V2Routes(services: registry.services, urls: URLs(scheme: "http", hostname: registry.host))
        let context = AppContext(
            source: ApplicationRequestContextSource(channel: NIOAsyncTestingChannel(), logger: Logger(label: "fuzz")))
        var statuses: [Int: Int] = [:]
        var upload = "none"
        for number in 0..<Fuzz.count(of: 5_000) {
            // Chance deletes it now and then.
            if number % 50 == 0 { try await registry.upload(Array("{}".utf8), token: tokens[1] ?? "") }
            let (request, text) = Self.request(&fuzz, tokens: tokens, known: known, upload: upload)
            let response = await routes.respond(to: request, context: context)
            if let uuid = response.headers[.dockerUploadUUID] { upload = uuid }
            statuses[response.status.code, default: 0] += 1
            #expect(response.status.code < 500, "\(text) (seed \(fuzz.seed))")
            if response.status == .methodNotAllowed { #expect(response.headers[.allow] != nil, "\(text)") }
            if response.status == .unauthorized { #expect(response.headers[.wwwAuthenticate] != nil, "\(text)") }
        }
        // Chance got everywhere: it stored, read and deleted as well.
        for status in [200, 201, 202, 204, 400, 401, 404, 405] {
            #expect(statuses[status] != nil, "\(status): \(statuses)")
        }
    }

    private static let digest = "sha256:\(String(repeating: "ab", count: 32))"

    private static func path(_ fuzz: inout Fuzz, known: String = digest) -> String {
        let names = ["owner/new", "other/app", "busybox", "owner/a/b", "Owner/x"]
        let name = fuzz.once(in: 5) ? fuzz.pick(names) : "owner/app"
        let last = fuzz.pick([
            "blobs/\(known)", "blobs/\(known)", "blobs/uploads/", "blobs/uploads/", "blobs/uploads",
            "blobs/uploads/\(fuzz.pick(["9", "9", "0"]))",
            "manifests/v1", "manifests/v\(fuzz.number(0...3))", "manifests/\(known)", "tags/list", "referrers/\(known)",
            "blobs/sha512:1",
        ])
        let whole = fuzz.pick([
            "/v2/\(name)/\(last)", "/v2/\(name)/\(last)", "/v2/\(name)/\(last)", "/v2/_catalog", "/v2/", "/v2",
            "/v2/auth",
        ])
        return fuzz.once(in: 6) ? fuzz.mutated(whole) : whole
    }

    private static func text(_ path: V2Path) -> String? {
        switch path {
        case .root, .token, .catalog: nil
        case .uploads(let name): "/v2/\(name)/blobs/uploads/"
        case .upload(let name, let uuid):
            uuid.utf8.allSatisfy { $0 != UInt8(ascii: "%") } ? "/v2/\(name)/blobs/uploads/\(uuid)" : nil
        case .blob(let name, let digest): "/v2/\(name)/blobs/\(digest)"
        case .manifest(let name, let reference): reference.contains("%") ? nil : "/v2/\(name)/manifests/\(reference)"
        case .tags(let name): "/v2/\(name)/tags/list"
        case .referrers(let name, let digest): "/v2/\(name)/referrers/\(digest)"
        }
    }

    private static func request(_ fuzz: inout Fuzz, tokens: [String?], known: Digest, upload: String) -> (
        Request, String
    ) {
        var method = HTTPRequest.Method(
            rawValue: fuzz.pick(["GET", "GET", "HEAD", "PUT", "PUT", "POST", "PATCH", "DELETE", "OPTIONS", "BREW"]))
        var path = Self.path(&fuzz, known: known.text).replacing("blobs/uploads/9", with: "blobs/uploads/\(upload)")
        if let parsed = try? V2Path(path, library: Username("library")), !fuzz.once(in: 8) {
            method = fuzz.pick(parsed.methods)
        }
        let bodies = [
            "", "{}", "abc", manifest(known, in: &fuzz), manifest(known, in: &fuzz),
            fuzz.mutated(manifest(known, in: &fuzz)),
        ]
        let body = fuzz.pick(bodies)
        let ownDigest = Digest(of: Array(body.utf8), by: fuzz.pick([.sha256, .sha512])).text
        if fuzz.once(in: 2) {
            let parameters = [
                "digest=\(ownDigest)", "digest=\(known)", "mount=\(known)", "from=owner/new", "n=2", "last=v1",
                "tag=v1", "tag=-",
                "artifactType=a/b", "digest-algorithm=sha512", "digest-algorithm=md5", "ns=docker.io", "service=x",
                "scope=repository:owner/app:pull", "%00=%00", "last=%00", "last=\(fuzz.junk())",
                "digest=\(fuzz.junk())",
            ]
            path += "?" + (0..<fuzz.number(1...3)).map { _ in fuzz.pick(parameters) }.joined(separator: "&")
        }
        if fuzz.once(in: 4) { path = path.replacing("manifests/v1", with: "manifests/\(ownDigest)") }
        var head = HTTPRequest(method: method ?? .get, scheme: "http", authority: "h", path: path)
        func set(_ name: String, _ value: String) {
            guard let name = HTTPField.Name(name), HTTPField.isValidValue(value) else { return }
            head.headerFields[name] = value
        }
        if let token = fuzz.once(in: 5) ? fuzz.pick(tokens) : tokens[1] {
            set("Authorization", "Bearer \(token)")
        }
        let headers = [
            ("Content-Type", fuzz.pick([MediaType.ociImage.text, MediaType.ociIndex.text, "a/b; c", "", fuzz.junk()])),
            ("Content-Length", fuzz.pick(["0", "\(body.utf8.count)", "-1", "x", "9223372036854775808"])),
            (
                "Content-Range",
                fuzz.pick(["0-2", "1-3", "2-1", "x", "0-9223372036854775807", "bytes 0-2/3", fuzz.junk()])
            ),
            ("Range", fuzz.pick(["bytes=0-0", "bytes=5-", "bytes=-1", "bytes=9-1", "x", fuzz.junk()])),
            ("If-None-Match", fuzz.pick(["*", "\"\(known)\"", "x"])), ("If-Range", fuzz.pick(["\"\(known)\"", "x"])),
            ("Authorization", fuzz.pick(["Basic eDp5", "Bearer", "Bearer \(fuzz.junk())", "Digest x", fuzz.junk()])),
            ("Accept", fuzz.pick(["*/*", "a/b", MediaType.ociImage.text, fuzz.junk()])),
        ]
        // A manifest most often comes with its type.
        set("Content-Type", MediaType.ociImage.text)
        for _ in 0..<fuzz.number(0...2) {
            let header = fuzz.pick(headers)
            if header.0 != "Authorization" || fuzz.once(in: 6) { set(header.0, header.1) }
        }
        let request = Request(head: head, body: RequestBody(buffer: ByteBuffer(string: body)))
        return (request, "\(head.method) \(path) \(head.headerFields) \(body)")
    }

    private static func manifest(_ blob: Digest, in fuzz: inout Fuzz) -> String {
        let subject = fuzz.once(in: 2) ? #","subject":{"mediaType":"a/b","digest":"\#(blob)","size":1}"# : ""
        return """
            {"schemaVersion":2,"config":{"mediaType":"a/b","digest":"\(blob)","size":2},"layers":[],\
            "annotations":{"n":"\(fuzz.number(0...4))"}\(subject)}
            """
    }
}
