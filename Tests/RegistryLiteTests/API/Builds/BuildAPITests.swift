import Domain
import Foundation
import RegistryCore
import SQL
import TestSupport
import Testing
import WebRequests

@testable import RegistryLite

@Suite("Builds over HTTP") struct BuildAPITests {
    /// A site with alice's private repository `alice/app`, and her token.
    static func site(_ engine: TestDatabase.Engine = .sqlite) async throws -> (SiteFixture, String) {
        let site = try await SiteFixture(engine)
        let token = try await site.token("alice")
        let body = #"{"repository":"app","visibility":"private","description":""}"#
        #expect(try await site.send(.post, "/api/v1/repository", body, as: token).status == 201)
        return (site, token)
    }

    static let path = "/api/v1/repository/alice/app/build/"
    static let archive = #"{"archive_url":"https://example.com/a.tar.gz"}"#

    /// The path of an address that the site made, for the fixture's own host.
    static func local(_ url: String?) throws -> String {
        String(try #require(url).dropFirst("http://\(SiteFixture.hostname)".count))
    }

    @Test("request, look, list, cancel", arguments: TestDatabase.allEngines)
    func life(_ engine: TestDatabase.Engine) async throws {
        let (site, token) = try await Self.site(engine)
        let body =
            #"{"archive_url":"https://example.com/a.tar.gz","subdirectory":"sub","docker_tags":["v1","latest"]}"#
        let requested = try await site.send(.post, Self.path, body, as: token)
        #expect(requested.status == 201)
        let id = try #require(requested.json["id"]?.string)
        #expect(try Self.local(requested.headers["Location"]) == "\(Self.path)\(id)/status")
        let expected: [String: JSONValue] = [
            "phase": "waiting", "tags": ["v1", "latest"], "dockerfile_path": "/sub/Dockerfile", "context": "/sub",
            "subdirectory": "/sub/Dockerfile", "manual_user": "alice", "is_writer": true, "trigger": .null,
            "pull_robot": .null, "resource_key": .null, "error": .null, "status": [:],
            "archive_url": "https://example.com/a.tar.gz", "repository": ["namespace": "alice", "name": "app"],
        ]
        for (key, value) in expected { #expect(requested.json[key] == value, "\(key)") }
        for suffix in ["", "/status"] {
            #expect(try await site.send(.get, Self.path + id + suffix, as: token).json["id"]?.string == id)
        }
        let list = try await site.send(.get, Self.path + "?limit=3", as: token)
        #expect(list.json["builds"]?.array?.compactMap { $0["id"]?.string } == [id])
        #expect(try await site.send(.get, Self.path + "?limit=x", as: token).status == 400)
        let logs = try await site.send(.get, "\(Self.path)\(id)/logs?start=0", as: token)
        #expect(logs.json == ["start": 0, "total": 0, "logs": []])
        let cancelled = try await site.send(.delete, Self.path + id, as: token)
        #expect(cancelled.status == 201)
        #expect(cancelled.json == "Okay")
        let again = try await site.send(.delete, Self.path + id, as: token)
        #expect(again.status == 400)
        #expect(again.json["message"]?.string == "Build is currently running or has finished")
        #expect(try await site.send(.get, Self.path + id, as: token).json["phase"] == "cancelled")
        #expect(
            try await site.send(.get, "\(Self.path)\(id)/logs", as: token).json["logs"]?.array?.first?["type"]
                == "phase")
    }

    @Test(
        "what no build can be made of is refused with a reason",
        arguments: [
            ("{}", "File ID or Archive URL required"), (#"{"file_id":""}"#, "File ID or Archive URL required"),
            (#"{"archive_url":"ftp://example.com/a"}"#, "http"), (#"{"archive_url":"https://"}"#, "http"),
            (#"{"archive_url":7}"#, "string"), (#"{"file_id":"unknown"}"#, "not uploaded"),
            (#"{"archive_url":"https://example.com/a","docker_tags":[]}"#, "short"),
            (#"{"archive_url":"https://example.com/a","docker_tags":["a","a"]}"#, "non-unique"),
            (#"{"archive_url":"https://example.com/a","docker_tags":["-bad"]}"#, "Invalid tag"),
            (#"{"archive_url":"https://example.com/a","dockerfile_path":"../x"}"#, "inside the build source"),
            (#"{"archive_url":"https://example.com/a","context":"a/../../b"}"#, "inside the build source"),
        ])
    func refusals(_ body: String, _ reason: String) async throws {
        let (site, token) = try await Self.site()
        let answer = try await site.send(.post, Self.path, body, as: token)
        #expect(answer.status == 400)
        #expect(answer.json["detail"]?.string?.contains(reason) == true, "\(answer.text)")
        #expect(try await site.send(.get, Self.path, as: token).json["builds"] == [])
    }

    @Test("no body, and a robot that isn't there") func others() async throws {
        let (site, token) = try await Self.site()
        #expect(try await site.send(.post, Self.path, as: token).json["detail"]?.string == "Missing JSON body")
        for robot in ["alice+nobody", "nonsense"] {
            let body = #"{"archive_url":"https://example.com/a","pull_robot":"\#(robot)"}"#
            #expect(try await site.send(.post, Self.path, body, as: token).status == 404)
        }
    }

    @Test(
        "SEC-SSRF: an archive address that is written as a private one is refused at once",
        arguments: [
            "127.0.0.1", "localhost", "169.254.169.254", "10.0.0.1", "[::1]", "0x7f.1", "2130706433", "127.1:8080",
        ])
    func privateArchives(_ host: String) async throws {
        let (site, token) = try await Self.site()
        let answer = try await site.send(.post, Self.path, #"{"archive_url":"http://\#(host)/a.tar.gz"}"#, as: token)
        #expect(answer.status == 400)
        #expect(answer.json["detail"]?.string?.contains("private") == true, "\(answer.text)")
    }

    @Test("a file is dropped, stored once, and built from") func filedrop() async throws {
        let (site, token) = try await Self.site()
        let drop = try await site.send(
            .post, "/api/v1/filedrop/", #"{"mimeType":"text/plain"}"#, as: token)
        #expect(drop.status == 200)
        let path = try Self.local(drop.json["url"]?.string)
        let id = try #require(drop.json["file_id"]?.string)
        #expect(path.hasPrefix("/userfiles/\(id)?"))
        // Not before its bytes are there.
        #expect(try await site.send(.post, Self.path, #"{"file_id":"\#(id)"}"#, as: token).status == 400)
        #expect(try await site.send(.put, path, "FROM scratch\n").status == 200)
        let second = try await site.send(.put, path, "FROM other\n")
        #expect(second.status == 400)
        #expect(second.json["detail"]?.string?.contains("stored already") == true)
        let build = try await site.send(.post, Self.path, #"{"file_id":"\#(id)"}"#, as: token)
        #expect(build.status == 201)
        #expect(build.json["resource_key"]?.string == id)
        #expect(build.json["display_name"]?.string?.count == 7)
        #expect(build.json["archive_url"] == .null)

        let urls = UserFileURLs(cipher: site.services.platform.cipher, clock: site.services.platform.clock)
        let read = try urls.url(.read, file: id, base: "", lifetime: 60)
        let answer = try await site.send(.get, read)
        #expect(answer.text == "FROM scratch\n")
        #expect(answer.headers["Content-Type"] == "text/plain")
        #expect(answer.headers["X-Content-Type-Options"] == "nosniff")
        #expect(answer.headers["Content-Disposition"] == "attachment")
        #expect(try await site.send(.head, read).headers["Content-Length"] == "13")
    }

    @Test("SEC-Deserialisation of stored state: an upload's address is good for one file, one use, and one hour")
    func signatures() async throws {
        let (site, token) = try await Self.site()
        let drop = try await site.send(.post, "/api/v1/filedrop/", #"{"mimeType":"text/plain"}"#, as: token)
        let path = try Self.local(drop.json["url"]?.string)
        let id = try #require(drop.json["file_id"]?.string)
        let other = try #require(
            try await site.send(.post, "/api/v1/filedrop/", #"{"mimeType":"a/b"}"#, as: token).json["file_id"]?.string)
        let signature = try #require(path.split(separator: "=").last.map(String.init))
        let platform = site.services.platform
        let urls = UserFileURLs(cipher: platform.cipher, clock: platform.clock)
        let expired = try urls.url(.store, file: id, base: "", lifetime: 0)
        for wrong in [
            "/userfiles/\(id)", "/userfiles/\(id)?signature=", "/userfiles/\(id)?signature=x",
            "/userfiles/\(other)?signature=\(signature)", "\(path.dropLast(2))AA", expired,
            try urls.url(.read, file: id, base: "", lifetime: 60),
        ] {
            #expect(try await site.send(.put, wrong, "x").status == 403, "\(wrong)")
        }
        #expect(try await site.send(.get, path).status == 403)
        #expect(try await site.send(.post, path, "x").status == 405)
        #expect(try await site.send(.get, "/userfiles/").status == 404)
        #expect(try await site.send(.put, path, "x").status == 200)
    }

    @Test("SEC-Cross-tenant object use (IDOR): another user's upload, and another repository's build, are not there")
    func tenants() async throws {
        let (site, token) = try await Self.site()
        let mallory = try await site.token("mallory")
        _ = try await site.send(
            .post, "/api/v1/repository", #"{"repository":"app","visibility":"private","description":""}"#, as: mallory)
        let drop = try await site.send(.post, "/api/v1/filedrop/", #"{"mimeType":"text/plain"}"#, as: token)
        #expect(try await site.send(.put, Self.local(drop.json["url"]?.string), "FROM scratch").status == 200)
        let file = try #require(drop.json["file_id"]?.string)
        let own = "/api/v1/repository/mallory/app/build/"
        #expect(try await site.send(.post, own, #"{"file_id":"\#(file)"}"#, as: mallory).status == 400)
        let build = try #require(try await site.send(.post, Self.path, Self.archive, as: token).json["id"]?.string)
        for path in [own + build, own + build + "/status", own + build + "/logs"] {
            #expect(try await site.send(.get, path, as: mallory).status == 404)
        }
        #expect(try await site.send(.delete, own + build, as: mallory).status == 404)
        #expect(try await site.send(.get, Self.path + build, as: mallory).status == 403)
        #expect(try await site.send(.get, "/buildlogs/\(build)", as: mallory).status == 403)
        #expect(try await site.send(.get, "/buildlogs/unknown", as: mallory).status == 403)
        #expect(try await site.send(.get, "/buildlogs/\(build)").status == 401)
        let events = try await site.send(
            .get, Self.path + build + "/logs",
            headers: ["Authorization": "Bearer \(mallory)", "Accept": "text/event-stream"])
        #expect(events.status == 403)
    }

    @Test("a log is followed from where the client lost it, to its end") func events() async throws {
        let (site, token) = try await Self.site()
        let build = try #require(try await site.send(.post, Self.path, Self.archive, as: token).json["id"]?.string)
        let platform = site.services.platform
        let attempts = BuildAttemptService(platform, timing: .init(), manager: "test")
        guard case .job(let job) = try await attempts.claimNext(capacity: 1) else {
            Issue.record("nothing to claim")
            return
        }
        let lines = (1...5).map { BuildLogLine(number: $0, entry: BuildLogEntry(message: "line \($0)\u{1B}[0m")) }
        #expect(try await DatabaseBuildLogStore(site.database).append(lines, to: job.attempt))
        let headers: WebHeaders = ["Authorization": "Bearer \(token)", "Accept": "text/event-stream"]
        async let followed = site.send(.get, "\(Self.path)\(build)/logs?start=2", headers: headers)
        let page = try await site.send(.get, "\(Self.path)\(build)/logs?start=3", as: token)
        #expect(page.json["start"] == 3)
        #expect(page.json["total"] == 5)
        #expect(page.json["logs"]?.array?.count == 2)
        #expect(try await attempts.end(job.attempt, .complete))
        let answer = try await followed
        #expect(answer.headers["Content-Type"] == "text/event-stream")
        #expect(Self.positions(answer.text) == Array(2..<6))
        #expect(answer.text.contains("event: end"))
        // Where the connection broke, the client says what it had last.
        var resumed = headers
        resumed["Last-Event-ID"] = "5"
        let rest = try await site.send(.get, "\(Self.path)\(build)/logs?start=0", headers: resumed)
        #expect(Self.positions(rest.text) == [5])
        let download = try await site.send(.get, "/buildlogs/\(build)", as: token)
        #expect(download.json["logs"]?.array?.count == 6)
        #expect(download.headers["Content-Disposition"]?.contains("attachment") == true)
    }

    /// The positions of all entries in a stream of events.
    static func positions(_ text: String) -> [Int] {
        text.components(separatedBy: "\n").filter { $0.hasPrefix("data: ") }.flatMap { line -> [Int] in
            guard let value = try? JSONValue(parsing: Array(line.dropFirst(6).utf8)),
                let start = value["start"]?.integer, let entries = value["logs"]?.array
            else { return [] }
            return entries.indices.map { Int(start) + $0 }
        }
    }
}
