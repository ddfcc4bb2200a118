import Domain
import HTTPTypes
import RegistryCore
import Runtime
import SQL
import TestSupport
import Testing
import WebRequests

@testable import RegistryLite

@Suite("Metrics") struct MetricsTests {
    @Test(
        "requests are counted and timed by the template of their path, their method and status",
        arguments: TestDatabase.allEngines)
    func requests(engine: TestDatabase.Engine) async throws {
        let site = try await SiteFixture(engine)
        _ = try await site.send(.get, "/api/v1/discovery")
        _ = try await site.send(.get, "/api/v1/nothing")
        _ = try await site.send(.get, "/v2/")
        _ = try await site.send(.get, "/a/stranger")
        let answer = try await site.send(.get, "/metrics")
        #expect(answer.status == 200)
        #expect(answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8")
        for line in [
            #"quay_request_duration_seconds_count{method="GET",route="/api/v1/discovery",status="200"} 1"#,
            #"quay_request_duration_seconds_count{method="GET",route="/api",status="404"} 1"#,
            #"quay_request_duration_seconds_count{method="GET",route="/v2/",status="401"} 1"#,
            #"quay_request_duration_seconds_count{method="GET",route="(page)",status="404"} 1"#,
            #"quay_queue_items_available{queue_name="dockerfilebuild"} 0"#,
        ] { #expect(answer.text.contains(line + "\n"), "\(line) in\n\(answer.text)") }
        #expect(!answer.text.contains("stranger"))
        #expect(try await site.send(.head, "/metrics").text.isEmpty)
        #expect(try await site.send(.post, "/metrics").status == 405)
        #expect(try await site.send(.get, "/metrics/x").status == 404)
    }

    @Test("queue items count as available, blocked or locked, and as unknown without the database")
    func queues() async throws {
        let site = try await SiteFixture()
        let now = site.services.platform.clock.now
        try await site.database.write { transaction in
            for (path, state) in [("a", "1"), ("a", "2"), ("b", "3")] {
                try WorkQueue.put(
                    "{}", to: QueueName(.dockerfileBuild, path), stateID: state, now: now, in: transaction)
            }
            _ = try WorkQueue.claim(
                .dockerfileBuild, for: .seconds(60), order: .fairShare, at: now, stateID: "4", in: transaction
            )
        }
        let text = try await site.send(.get, "/metrics").text
        for (name, value) in [
            ("quay_queue_items_locked", 1), ("quay_queue_items_available", 2),
            ("quay_queue_items_available_unlocked", 1),
        ] { #expect(text.contains("\(name){queue_name=\"dockerfilebuild\"} \(value)\n"), "\(text)") }
        await site.database.close()
        let blind = try await site.send(.get, "/metrics")
        #expect(blind.status == 200)
        #expect(blind.text.contains("quay_queue_items_locked{queue_name=\"dockerfilebuild\"} NaN\n"))
    }

    @Test("SEC-Authorisation slips: what a proxy passed on is not local, and needs a superuser")
    func proxied() async throws {
        let site = try await SiteFixture(superusers: ["root"])
        let (root, alice) = (try await site.token("root"), try await site.token("alice"))
        let proxied: WebHeaders = ["X-Forwarded-For": "203.0.113.7"]
        for (token, status) in [(nil, 401), (alice, 403), (root, 200), ("x", 401)] as [(String?, Int)] {
            var headers = proxied
            if let token { headers["Authorization"] = "Bearer \(token)" }
            let answer = try await site.send(.get, "/metrics", headers: headers)
            #expect(answer.status == status, "\(answer.text)")
            #expect(answer.text.contains("# TYPE") == (status == 200))
        }
    }

    @Test(
        "SEC-Authorisation slips: only a loopback peer is local",
        arguments: [
            ("127.0.0.1", true), ("127.9.9.9", true), ("::1", true), ("::ffff:127.0.0.1", true), ("10.0.0.1", false),
            ("1.127.0.1", false), ("::2", false), ("::ffff:10.0.0.1", false), (nil, false),
        ] as [(String?, Bool)])
    func local(_ peer: String?, _ isLocal: Bool) {
        #expect(MetricsRoutes.isLocal(peer: peer, headers: [:]) == isLocal)
        #expect(!MetricsRoutes.isLocal(peer: peer, headers: [.via: "1.1 proxy"]))
    }

    @Test("with --metrics the public port has no metrics") func elsewhere() async throws {
        let site = try await SiteFixture(showsMetrics: false)
        #expect(try await !site.send(.get, "/metrics").text.contains("# TYPE"))
    }
}
