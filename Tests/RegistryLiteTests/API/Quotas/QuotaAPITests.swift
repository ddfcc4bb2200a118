import Domain
import Foundation
import RegistryCore
import SQL
import TestSupport
import Testing
import WebRequests

@testable import RegistryLite

@Suite("Quotas over HTTP") struct QuotaAPITests {
    private struct Desk {
        let site: SiteFixture
        let owner: String
        let root: String

        init(_ engine: TestDatabase.Engine = .sqlite) async throws {
            site = try await SiteFixture(engine)
            owner = try await site.token("owner")
            root = try await site.token("root")
            try await site.database.write { try $0.run("UPDATE account SET superuser = 1 WHERE name = 'root'") }
            _ = try await site.send(.post, "/api/v1/organization/", #"{"name":"acme"}"#, as: owner)
        }
    }

    @Test(
        "a superuser sets, changes and removes a quota and its limits; members see them",
        arguments: TestDatabase.allEngines)
    func life(_ engine: TestDatabase.Engine) async throws {
        let desk = try await Desk(engine)
        let (site, owner, root) = (desk.site, desk.owner, desk.root)
        let path = "/api/v1/organization/acme/quota"
        #expect(try await site.send(.get, path, as: owner).json == [])
        let created = try await site.send(.post, path, #"{"limit_bytes":10737418240}"#, as: root)
        #expect(created.status == 201)
        #expect(created.json == "Created")
        #expect(try await site.send(.post, path, #"{"limit_bytes":5}"#, as: root).status == 400)
        let listed = try await site.send(.get, path, as: owner).json.array?.first
        let id = try #require(listed?["id"]?.integer)
        #expect(listed?["limit"]?.string == "10.0 GiB")
        #expect(listed?["default_config"] == false)
        #expect(listed?["limits"] == [])

        let limits = "\(path)/\(id)/limit"
        let added = try await site.send(.post, limits, #"{"type":"Reject","threshold_percent":90}"#, as: root)
        #expect(added.status == 201)
        _ = try await site.send(.post, limits, #"{"type":"warning","threshold_percent":80}"#, as: root)
        let both = try await site.send(.get, limits, as: owner).json.array ?? []
        #expect(both.map { $0["type"]?.string } == ["Warning", "Reject"])
        #expect(both.map { $0["limit_percent"]?.integer } == [80, 90])
        let reject = try #require(both.last?["id"]?.integer)
        #expect(try await site.send(.get, "\(limits)/\(reject)", as: owner).json["limit_percent"]?.integer == 90)
        let changed = try await site.send(.put, "\(limits)/\(reject)", #"{"threshold_percent":95}"#, as: root)
        #expect(changed.json["limits"]?.array?.last?["limit_percent"]?.integer == 95)
        #expect(try await site.send(.delete, "\(limits)/\(reject)", as: root).status == 204)

        let size = try await site.send(.put, "\(path)/\(id)", #"{"limit":"1 GiB","limit_tags":50}"#, as: root)
        #expect(size.json["limit_bytes"]?.integer == 1 << 30)
        #expect(size.json["limit_tags"]?.integer == 50)
        let report = try await site.send(.get, "\(path)/\(id)", as: owner).json["quota_report"]
        #expect(report?["configured_quota"]?.integer == 1 << 30)
        #expect(try await site.send(.delete, "\(path)/\(id)", as: root).status == 204)
        #expect(try await site.send(.get, path, as: owner).json == [])
        let kinds = try await site.database.read {
            try $0.rows("SELECT kind FROM audit_log WHERE kind LIKE 'org\\_%quota%' ESCAPE '\\' ORDER BY id").map {
                try $0.text("kind")
            }
        }
        #expect(
            kinds == [
                "org_create_quota", "org_create_quota_limit", "org_create_quota_limit", "org_change_quota_limit",
                "org_delete_quota_limit", "org_change_quota", "org_delete_quota",
            ])
    }

    @Test(
        "every body that makes no sense is refused with a sentence",
        arguments: [
            (#"{"limit_bytes":0}"#, "less than the minimum"), (#"{"limit_bytes":"many"}"#, "not of type"),
            (#"{"limit":"a lot"}"#, "size such as"), (#"{}"#, "required"), (#"{"limit_bytes":-5}"#, "minimum"),
            (#"{"limit_bytes":5,"limit_tags":-1}"#, "minimum"),
        ])
    func badBodies(_ body: String, _ part: String) async throws {
        let desk = try await Desk()
        let answer = try await desk.site.send(.post, "/api/v1/organization/acme/quota", body, as: desk.root)
        #expect(answer.status == 400)
        #expect(answer.json["detail"]?.string?.contains(part) == true, "\(answer.text)")
    }

    @Test(
        "every limit that makes no sense is refused",
        arguments: [
            #"{"type":"Maybe","threshold_percent":80}"#, #"{"type":"Reject","threshold_percent":0}"#,
            #"{"type":"Reject","threshold_percent":101}"#,
            #"{"type":"Reject","threshold_percent":9223372036854775807}"#,
            #"{"type":"Reject"}"#, #"{"type":"Warning","threshold_percent":80}"#,
            #"{"type":"Reject","threshold_percent":50}"#,
        ])
    func badLimits(_ body: String) async throws {
        let desk = try await Desk()
        let path = "/api/v1/superuser/users/owner/quota"
        _ = try await desk.site.send(.post, path, #"{"limit_bytes":1000}"#, as: desk.root)
        let id = try #require(try await desk.site.send(.get, path, as: desk.root).json.array?.first?["id"]?.integer)
        for limit in [#"{"type":"Warning","threshold_percent":80}"#, #"{"type":"Reject","threshold_percent":90}"#] {
            #expect(try await desk.site.send(.post, "\(path)/\(id)/limit", limit, as: desk.root).status == 201)
        }
        #expect(try await desk.site.send(.post, "\(path)/\(id)/limit", body, as: desk.root).status == 400)
        // A user sees their own.
        #expect(try await desk.site.send(.get, "/api/v1/user/quota/\(id)/limit", as: desk.owner).json.array?.count == 2)
    }

    @Test("SEC-Authorisation slips: an administrator can't give their own organization room, nor see another's quota")
    func notOneself() async throws {
        let desk = try await Desk()
        let (site, owner, root) = (desk.site, desk.owner, desk.root)
        let path = "/api/v1/organization/acme/quota"
        #expect(try await site.send(.post, path, #"{"limit_bytes":1}"#, as: owner).status == 403)
        _ = try await site.send(.post, path, #"{"limit_bytes":1000}"#, as: root)
        let id = try #require(try await site.send(.get, path, as: root).json.array?.first?["id"]?.integer)
        #expect(try await site.send(.put, "\(path)/\(id)", #"{"limit_bytes":9000}"#, as: owner).status == 403)
        #expect(try await site.send(.delete, "\(path)/\(id)", as: owner).status == 403)
        let stranger = try await site.token("stranger")
        #expect(try await site.send(.get, path, as: stranger).status == 403)
        #expect(try await site.send(.get, path).status == 401)
        // A quota is looked up within its namespace.
        _ = try await site.send(.post, "/api/v1/superuser/users/stranger/quota", #"{"limit_bytes":7}"#, as: root)
        #expect(try await site.send(.get, "/api/v1/user/quota/\(id)", as: stranger).status == 404)
        #expect(
            try await site.send(.delete, "/api/v1/superuser/users/stranger/quota/\(id)", as: root).status == 404)
    }

    @Test("without FEATURE_QUOTA_MANAGEMENT the routes do not exist") func off() async throws {
        let site = try await SiteFixture { site in
            site = Site(urls: site.urls, features: site.features.subtracting([.quotaManagement]))
        }
        let token = try await site.token("alice")
        #expect(try await site.send(.get, "/api/v1/user/quota", as: token).status == 404)
    }
}
