import Domain
import Foundation
import HTTPTypes
import TestSupport
import Testing
import WebRequests

@testable import RegistryLite

@Suite("What the site says about itself") struct MetaTests {
    @Test("the discovery document names every public route with its scope, and internal ones on request")
    func discovery() async throws {
        let site = try await SiteFixture()
        let document = try await site.send(.get, "/api/v1/discovery").json
        #expect(document["swagger"]?.string == "2.0")
        #expect(document["host"]?.string == "registry.test")
        let everything = try await site.send(.get, "/api/v1/discovery?internal=true").json
        for route in Features.routes {
            let operation = everything["paths"]?[route.path]?[route.method.rawValue.lowercased()]
            #expect(operation?["operationId"]?.string == route.operationID)
            let shown = document["paths"]?[route.path]?[route.method.rawValue.lowercased()]
            #expect((shown == nil) == route.isInternal, "\(route.operationID)")
            if let body = route.body { #expect(everything["definitions"]?[body.name] != nil) }
            let scope = operation?["security"]?.array?.first?["oauth2_implicit"]?.array?.first?.string
            #expect(scope == route.access.scope?.rawValue)
        }
    }

    @Test("a switched-off feature's routes do not exist") func features() async throws {
        let site = try await SiteFixture { $0 = Site(urls: $0.urls, features: []) }
        let browser = try await Browser(site)
        #expect(try await browser.signIn("alice").status == 404)
        let document = try await site.send(.get, "/api/v1/discovery?internal=true").json
        #expect(document["paths"]?["/api/v1/signin"] == nil)
        let initialize = try await site.send(
            .post, "/api/v1/user/initialize", #"{"username":"a1","password":"password"}"#)
        #expect(initialize.status == 400)
    }

    @Test(
        "without anonymous access only the few calls before a sign-in are answered",
        arguments: [
            ("/api/v1/repository?public=true", 401), ("/api/v1/users/alice", 401), ("/api/v1/discovery", 200),
            ("/api/v1/user/", 401), ("/csrf_token", 200), ("/health/instance", 200),
        ])
    func anonymousAccess(_ path: String, _ status: Int) async throws {
        let site = try await SiteFixture(anonymousAccess: false)
        #expect(try await site.send(.get, path).status == status)
    }

    @Test("every error type that is used has a page") func errors() async throws {
        let site = try await SiteFixture()
        for type in APIError.descriptions.keys {
            #expect(try await site.send(.get, "/api/v1/error/\(type)").json["title"]?.string == type)
        }
        #expect(try await site.send(.get, "/api/v1/error/nothing").status == 404)
        for kind in [RegistryError.Kind.unauthenticated, .forbidden, .notFound, .conflict, .storageFull, .rangeInvalid]
        {
            #expect(APIError.descriptions[APIError.presentation(of: kind).type] != nil)
        }
    }

    @Test("unknown paths, methods and preflights get their answers") func shapes() async throws {
        let site = try await SiteFixture()
        #expect(try await site.send(.get, "/api/v1/nothing").json["error_type"]?.string == "not_found")
        let method = try await site.send(.patch, "/api/v1/user/")
        #expect(method.status == 405)
        #expect(method.headers["Allow"] == "DELETE, GET, POST, PUT")
        #expect(try await site.send(.get, "/api/v1/%00").status == 404)
        let head = try await site.send(.head, "/api/v1/discovery")
        #expect(head.status == 200)
        #expect(head.text.isEmpty)
        #expect(head.headers["Access-Control-Allow-Origin"] == "*")
    }

    @Test(
        "a bearer token that is wrong is an error, not nobody", arguments: ["x", "", String(repeating: "a", count: 40)])
    func bearer(_ token: String) async throws {
        let site = try await SiteFixture()
        let answer = try await site.send(.get, "/api/v1/discovery", headers: ["Authorization": "Bearer \(token)"])
        #expect(answer.status == (token.isEmpty ? 200 : 401))
    }

    @Test("health says what works, and the key set shows public halves only") func healthAndKeys() async throws {
        let site = try await SiteFixture()
        for path in ["/health/instance", "/health/endtoend", "/status", "/health/dbrevision"] {
            let answer = try await site.send(.get, path)
            #expect(answer.status == 200)
            #expect(answer.json["data"]?["services"]?["database"] == true)
        }
        #expect(try await site.send(.get, "/_internal_ping").text == "true")
        let keys = try await site.send(.get, "/keys/services/quay/keys")
        let key = try #require(keys.json["keys"]?.array?.first)
        #expect(key.object?.keys.sorted() == ["alg", "e", "kid", "kty", "n", "use"])
        let kid = try #require(key["kid"]?.string)
        #expect(try await site.send(.get, "/keys/services/quay/keys/\(kid)").json == key)
        for path in ["/keys/services/quay/keys/x", "/keys/services/other/keys", "/keys", "/health/x"] {
            #expect(try await site.send(.get, path).status == 404)
        }
        await site.database.close()
        #expect(try await site.send(.get, "/health/endtoend").status == 503)
    }
}
