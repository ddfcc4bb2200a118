import Domain
import Foundation
import RegistryCore
import SQL
import TestSupport
import Testing
import WebRequests

@testable import RegistryLite

@Suite("Repositories, robots and permissions over HTTP") struct RepositoryAPITests {
    @Test("create, look, describe, publish, list, delete", arguments: TestDatabase.allEngines)
    func life(_ engine: TestDatabase.Engine) async throws {
        let site = try await SiteFixture(engine)
        let token = try await site.token("alice")
        let create = #"{"repository":"app","visibility":"private","description":"d"}"#
        let created = try await site.send(.post, "/api/v1/repository", create, as: token)
        #expect(created.status == 201)
        #expect(created.json == ["namespace": "alice", "name": "app", "kind": "image"])
        let again = try await site.send(.post, "/api/v1/repository", create, as: token)
        #expect(again.status == 400)
        #expect(again.json["detail"]?.string == "Repository already exists")
        let path = "/api/v1/repository/alice/app"
        let shown = try await site.send(.get, path, as: token)
        #expect(shown.json["can_admin"] == true)
        #expect(shown.json["status_token"]?.string?.isEmpty == false)
        #expect(try await site.send(.get, path).status == 401)
        let update = try await site.send(.put, path, #"{"description":"new"}"#, as: token)
        #expect(update.json == ["success": true])
        _ = try await site.send(.post, path + "/changevisibility", #"{"visibility":"public"}"#, as: token)
        let open = try await site.send(.get, path)
        #expect(open.json["description"]?.string == "new")
        #expect(open.json["status_token"]?.string == "")
        #expect(open.json["can_write"] == false)
        let list = try await site.send(.get, "/api/v1/repository?public=true")
        #expect(list.json["repositories"]?.array?.count == 1)
        #expect(try await site.send(.delete, path, as: token).status == 204)
        #expect(try await site.send(.get, path, as: token).status == 404)
        #expect(try await site.send(.post, "/api/v1/repository", create, as: token).status == 201)
    }

    @Test(
        "`name` stands in for `repository`; names that break the rule are refused",
        arguments: [
            (#"{"name":"app","visibility":"public","description":""}"#, 201),
            (#"{"repository":"team/app","visibility":"public","description":"","namespace":null}"#, 201),
            (#"{"visibility":"public","description":""}"#, 400), (#"{"repository":"app","description":""}"#, 400),
            (#"{"repository":"App","visibility":"public","description":""}"#, 400),
            (#"{"repository":"../x","visibility":"public","description":""}"#, 400),
            (#"{"repository":"app","visibility":"secret","description":""}"#, 400),
            (#"{"repository":"app","visibility":"public","description":"","namespace":"NO"}"#, 400),
            (#"{"repository":"app","visibility":"public","description":"","namespace":"nobody"}"#, 404),
            (#"{"repository":"app","visibility":"public","description":"","repo_kind":"application"}"#, 400),
        ])
    func creation(_ body: String, _ status: Int) async throws {
        let site = try await SiteFixture()
        let token = try await site.token("alice")
        #expect(try await site.send(.post, "/api/v1/repository", body, as: token).status == status)
    }

    @Test("lists come in pages whose tokens only their caller can use", arguments: TestDatabase.allEngines)
    func pages(_ engine: TestDatabase.Engine) async throws {
        let site = try await SiteFixture(engine)
        let (token, other) = (try await site.token("alice"), try await site.token("bob"))
        try await site.database.write { transaction in
            for number in 1...103 {
                try transaction.run(
                    """
                    INSERT INTO repository (uuid, namespace_id, name, visibility, badge_token, created_ms)
                    VALUES (\("r\(number)"), (SELECT id FROM account WHERE name = 'alice'), \("app\(number)"),
                        \(number.isMultiple(of: 2) ? "public" : "private"), 'b', 0)
                    """)
            }
        }
        let first = try await site.send(.get, "/api/v1/repository?namespace=alice", as: token)
        #expect(first.json["repositories"]?.array?.count == 100)
        let next = try #require(first.json["next_page"]?.string)
        let rest = try await site.send(.get, "/api/v1/repository?namespace=alice&next_page=\(next)", as: token)
        #expect(rest.json["repositories"]?.array?.count == 3)
        #expect(rest.json["next_page"] == nil)
        let strangers = try await site.send(.get, "/api/v1/repository?namespace=alice", as: other)
        #expect(strangers.json["repositories"]?.array?.count == 51)
        // A token of somebody else, or one that was made up, starts over.
        for stolen in [next, "x"] {
            let answer = try await site.send(.get, "/api/v1/repository?namespace=alice&next_page=\(stolen)", as: other)
            #expect(answer.json["repositories"]?.array?.count == 51)
        }
        #expect(try await site.send(.get, "/api/v1/repository", as: token).status == 400)
        #expect(try await site.send(.get, "/api/v1/repository?namespace=%25", as: token).json["repositories"] == [])
    }

    @Test(
        "robots are made, shown, renewed and removed; a robot's permission lets it in",
        arguments: TestDatabase.allEngines)
    func robots(_ engine: TestDatabase.Engine) async throws {
        let site = try await SiteFixture(engine)
        let token = try await site.token("alice")
        let body = #"{"description":"d","unstructured_metadata":{"a":[1]}}"#
        let made = try await site.send(.put, "/api/v1/user/robots/ci", body, as: token)
        #expect(made.status == 201)
        #expect(made.json["name"]?.string == "alice+ci")
        #expect(made.json["unstructured_metadata"] == ["a": [1]])
        let first = try #require(made.json["token"]?.string)
        let double = try await site.send(.put, "/api/v1/user/robots/ci", body, as: token)
        #expect(double.status == 400)
        #expect(double.json["message"]?.string == "Existing robot with name: alice+ci")
        #expect(try await site.send(.put, "/api/v1/user/robots/No", as: token).status == 400)
        #expect(try await site.send(.get, "/api/v1/user/robots/ci", as: token).json["token"]?.string == first)
        let hidden = try await site.send(.get, "/api/v1/user/robots?token=false", as: token)
        #expect(hidden.json["robots"]?.array?.first?["token"] == nil)
        let renewed = try await site.send(.post, "/api/v1/user/robots/ci/regenerate", as: token)
        #expect(renewed.json["token"]?.string != first)
        _ = try await site.send(
            .post, "/api/v1/repository", #"{"repository":"app","visibility":"private","description":""}"#, as: token)
        let permissions = "/api/v1/repository/alice/app/permissions/user/"
        let given = try await site.send(.put, permissions + "alice+ci", #"{"role":"write"}"#, as: token)
        #expect(given.json["role"]?.string == "write")
        #expect(given.json["is_robot"] == true)
        let all = try await site.send(.get, permissions, as: token)
        #expect(all.json["permissions"]?["alice+ci"]?["role"]?.string == "write")
        for (name, message) in [
            ("nobody", "Invalid username: nobody"), ("alice", "Namespace owner must always be admin."),
            ("bob+ci", "Cannot add robot bob+ci under namespace alice"),
        ] {
            let bob = try await site.services.accounts.user(named: Username("bob"))
            if bob == nil { _ = try await site.send(.put, "/api/v1/user/robots/ci", as: site.token("bob")) }
            let refused = try await site.send(.put, permissions + name, #"{"role":"read"}"#, as: token)
            #expect(refused.status == 400)
            #expect(refused.json["detail"]?.string == message)
        }
        #expect(try await site.send(.delete, permissions + "alice+ci", as: token).status == 204)
        #expect(try await site.send(.delete, permissions + "alice+ci", as: token).status == 404)
        #expect(try await site.send(.delete, "/api/v1/user/robots/ci", as: token).status == 204)
        #expect(try await site.send(.get, "/api/v1/user/robots/ci", as: token).status == 404)
    }

    @Test("a read-only repository refuses changes with its state") func readOnly() async throws {
        let site = try await SiteFixture()
        let token = try await site.token("alice")
        _ = try await site.send(
            .post, "/api/v1/repository", #"{"repository":"app","visibility":"private","description":""}"#, as: token)
        try await site.database.write { try $0.run("UPDATE repository SET state = 1") }
        let answer = try await site.send(.put, "/api/v1/repository/alice/app", #"{"description":"x"}"#, as: token)
        #expect(answer.status == 503)
        #expect(answer.json["message"]?.string == "Repository is in read only or mirror mode: READ_ONLY")
    }
}
