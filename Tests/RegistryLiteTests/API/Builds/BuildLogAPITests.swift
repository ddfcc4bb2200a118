import Domain
import Foundation
import ObjectStorage
import RegistryCore
import SQL
import Secrets
import TestSupport
import Testing
import WebRequests

@testable import RegistryLite

@Suite("Build logs over HTTP") struct BuildLogAPITests {
    /// A site with a build of alice's that has 300 lines in its log, and is still running.
    struct Fixture {
        let site: SiteFixture
        let token: String
        let build: String
        let attempts: BuildAttemptService
        let job: BuildAttemptService.Job

        init(_ engine: TestDatabase.Engine = .sqlite, objects: any ObjectStore = MemoryStore()) async throws {
            site = try await SiteFixture(engine, objects: objects)
            token = try await site.token("alice")
            let body = #"{"repository":"app","visibility":"private","description":""}"#
            #expect(try await site.send(.post, "/api/v1/repository", body, as: token).status == 201)
            let requested = try await site.send(.post, BuildAPITests.path, BuildAPITests.archive, as: token)
            build = try #require(requested.json["id"]?.string)
            attempts = BuildAttemptService(site.services.platform, timing: .init(), manager: "test")
            guard case .job(let job) = try await attempts.claimNext(capacity: 1) else {
                throw RegistryError(.internalError, "nothing to claim")
            }
            self.job = job
            _ = try await attempts.started(
                job.attempt, executor: "local", executionID: "1", reservation: .seconds(60))
            let lines = (1...300).map {
                BuildLogLine(number: $0, entry: BuildLogEntry(message: "line \($0) \u{1B}[31m<b>\u{1B}[0m"))
            }
            #expect(try await DatabaseBuildLogStore(site.database).append(lines, to: job.attempt))
        }

        var path: String { "\(BuildAPITests.path)\(build)" }

        func archive() async throws {
            #expect(try await attempts.end(job.attempt, .complete))
            let step = BuildLogArchiveStep(platform: site.services.platform, settings: .init())
            #expect(try await step.run()?.archived == 1)
        }

        func basic(_ name: String, _ password: String) -> WebHeaders {
            ["Authorization": "Basic " + Data("\(name):\(password)".utf8).base64EncodedString()]
        }
    }

    @Test("an archived log is named by its address, and is the same everywhere", arguments: TestDatabase.allEngines)
    func archived(_ engine: TestDatabase.Engine) async throws {
        let fixture = try await Fixture(engine)
        let site = fixture.site
        let live = try await site.send(.get, fixture.path + "/logs", as: fixture.token)
        #expect(live.json["total"] == 301)
        #expect(try await site.send(.get, "/logarchive/\(fixture.build)", as: fixture.token).status == 404)
        let before = try await site.send(.get, "/buildlogs/\(fixture.build)", as: fixture.token)
        #expect(before.json["logs"] == live.json["logs"])
        try await fixture.archive()
        let logs = try await site.send(.get, fixture.path + "/logs?start=5", as: fixture.token)
        let url = try #require(logs.json["logs_url"]?.string)
        #expect(logs.json == ["logs_url": .string(url)])
        #expect(url == "http://\(SiteFixture.hostname)/logarchive/\(fixture.build)")
        let archive = try await site.send(.get, BuildAPITests.local(url), as: fixture.token)
        #expect(archive.headers["Content-Encoding"] == nil)
        #expect(archive.headers["Content-Type"] == "application/json")
        #expect(archive.headers["Vary"] == "Accept-Encoding")
        #expect(archive.json["start"] == 0)
        #expect(archive.json["total"] == 302)
        let all = try #require(archive.json["logs"]?.array)
        #expect(Array(all.dropLast()) == live.json["logs"]?.array)
        let download = try await site.send(.get, "/buildlogs/\(fixture.build)", as: fixture.token)
        #expect(download.json["logs"]?.array == all)
        #expect(download.headers["Content-Disposition"]?.hasPrefix("attachment; filename=") == true)
        let view = try await site.send(.get, fixture.path, as: fixture.token)
        #expect(view.json["logs_archived"] == true)
    }

    @Test(
        "gzip goes to those who take it",
        arguments: [
            ("", false), ("gzip", true), ("deflate, gzip;q=1.0, *;q=0.5", true), ("gzip;q=0", false), ("*", true),
            ("identity", false), ("br;q=1, x-gzip", true), ("gzip ; q=0.0, *", false), ("GZIP", true),
        ])
    func encodings(_ header: String, _ accepts: Bool) {
        #expect(BuildLogDownload.acceptsGzip(header) == accepts)
    }

    @Test("an archive is sent packed to those who take gzip")
    func packed() async throws {
        let folder = try TemporaryFolder()
        let fixture = try await Fixture(objects: LocalDiskStore.open(folder.path("blobs"), location: "local"))
        try await fixture.archive()
        let curl = try ChildProcess(
            "curl",
            [
                "-sS", "--compressed", "-D", "-", "-H", "Authorization: Bearer \(fixture.token)",
                "\(fixture.site.base)/logarchive/\(fixture.build)",
            ])
        #expect(try await curl.exit() == 0)
        #expect(curl.printed.lowercased().contains("content-encoding: gzip"))
        #expect(curl.printed.contains(#""message":"line 300 "#))
    }

    @Test("a bucket's archive is fetched from the bucket, and says that it is gzip")
    func bucket() async throws {
        let server = try await S3Server.shared
        let store = try await server.store()
        let fixture = try await Fixture(objects: store)
        try await fixture.archive()
        let logs = try await fixture.site.send(.get, fixture.path + "/logs", as: fixture.token)
        let url = try #require(logs.json["logs_url"]?.string)
        #expect(url.hasPrefix(server.url))
        #expect(url.contains("X-Amz-Signature="))
        let curl = try ChildProcess("curl", ["-sS", "--compressed", "-D", "-", url])
        #expect(try await curl.exit() == 0)
        #expect(curl.printed.lowercased().contains("content-encoding: gzip"))
        #expect(curl.printed.contains(#""message":"line 300 "#))
        // Page by page, through us, as well.
        let download = try await fixture.site.send(.get, "/buildlogs/\(fixture.build)", as: fixture.token)
        #expect(download.json["logs"]?.array?.count == 302)
    }

    @Test("SEC-Authorisation slips: logs and archives are for those who may write, or read where that is enough")
    func rights() async throws {
        let fixture = try await Fixture()
        let site = fixture.site
        let mallory = try await site.token("mallory")
        let draft = try DelegateTokenService(platform: site.services.platform).draft()
        let (job, database) = (fixture.job, site.database)
        try await database.write { transaction in
            try DelegateTokenService.issue(
                draft, forAttempt: job.attempt.id, repositoryID: job.repository.id, tags: ["latest"], in: transaction)
        }
        for isArchived in [false, true] {
            if isArchived { try await fixture.archive() }
            for path in ["/buildlogs/\(fixture.build)", "/logarchive/\(fixture.build)"] {
                #expect(try await site.send(.get, path).status == 401)
                #expect(try await site.send(.get, path, as: mallory).status == 403)
                #expect(try await site.send(.get, path, headers: fixture.basic("mallory", "password")).status == 403)
                #expect(
                    try await site.send(
                        .get, path, headers: fixture.basic("nobody-\(isArchived)-\(path.count)", "wrong")
                    ).status == 401)
                // The build's own token, while it lives, opens no logs.
                let own = try await site.send(.get, path, headers: fixture.basic("$token", draft.token.text)).status
                #expect([401, 403].contains(own))
                let alice = try await site.send(.get, path, headers: fixture.basic("alice", "password")).status
                #expect(alice == (isArchived || path.hasPrefix("/buildlogs") ? 200 : 404))
            }
            #expect(try await site.send(.get, fixture.path + "/logs", as: mallory).status == 403)
            #expect(try await site.send(.post, "/logarchive/\(fixture.build)", as: fixture.token).status == 405)
        }
        for path in ["/buildlogs/unknown", "/logarchive/unknown", "/logarchive/%00", "/logarchive/..%2F"] {
            #expect(try await site.send(.get, path, as: mallory).status == 403, "\(path)")
            #expect(try await site.send(.get, path).status == 401, "\(path)")
        }
        #expect(try await site.send(.get, "/logarchive/", as: mallory).status == 404)
    }

    @Test("a log is followed across its archiving, without a gap or a double")
    func followed() async throws {
        let fixture = try await Fixture()
        let headers: WebHeaders = ["Authorization": "Bearer \(fixture.token)", "Accept": "text/event-stream"]
        async let followed = fixture.site.send(.get, fixture.path + "/logs?start=100", headers: headers)
        try await fixture.archive()
        #expect(try await BuildAPITests.positions(followed.text) == Array(100..<302))
        let late = try await fixture.site.send(.get, fixture.path + "/logs?start=290", headers: headers)
        #expect(BuildAPITests.positions(late.text) == Array(290..<302))
        #expect(late.text.contains("event: end"))
        for start in ["-7", "9223372036854775807", "301"] {
            let answer = try await fixture.site.send(.get, fixture.path + "/logs?start=\(start)", headers: headers)
            #expect(answer.status == 200)
            #expect(answer.text.contains("event: end"))
        }
        #expect(try await fixture.site.send(.get, fixture.path + "/logs?start=x", headers: headers).status == 400)
    }

    @Test("a live log takes any start that a client can ask for")
    func starts() async throws {
        let fixture = try await Fixture()
        for (start, count) in [("0", 301), ("-1", 301), ("300", 1), ("301", 0), ("9223372036854775807", 0)] {
            let answer = try await fixture.site.send(.get, fixture.path + "/logs?start=\(start)", as: fixture.token)
            #expect(answer.json["logs"]?.array?.count == count, "\(start)")
            #expect(answer.json["total"] == 301)
        }
        #expect(try await fixture.site.send(.get, fixture.path + "/logs?start=1.5", as: fixture.token).status == 400)
    }

    @Test("a build carries its timeline", arguments: TestDatabase.allEngines)
    func timeline(_ engine: TestDatabase.Engine) async throws {
        let fixture = try await Fixture(engine)
        let attempt = fixture.job.attempt
        #expect(try await fixture.attempts.report(.unpacking, of: attempt))
        #expect(try await fixture.attempts.report(.building, of: attempt))
        #expect(
            try await fixture.attempts.end(attempt, .expired, failure: BuildFailure(.internalError, "It fell silent.")))
        let view = try await fixture.site.send(.get, fixture.path, as: fixture.token)
        let timeline = try #require(view.json["timeline"])
        #expect(timeline["queued"]?.string == "2023-11-14T22:13:20.000Z")
        #expect(timeline["ended"] == .null)
        let launch = try #require(timeline["attempts"]?.array?.first)
        #expect(launch["number"] == 1)
        #expect(launch["executor"] == "local")
        #expect(launch["outcome"] == "expired")
        #expect(launch["cause"] == "The build system had an internal error: It fell silent.")
        #expect(launch["error_code"] == "io.quay.builder.internalerror")
        #expect(
            launch["steps"]?.array?.compactMap { $0["name"]?.string } == [
                "scheduled", "started", "unpacking", "building",
            ])
        let list = try await fixture.site.send(.get, BuildAPITests.path, as: fixture.token)
        #expect(list.json["builds"]?.array?.first?["timeline"] == timeline)
    }
}
