import Domain
import Foundation
import RegistryCore
import TestSupport
import Testing
import WebRequests

@testable import RegistryLite

@Suite("Build badge") struct BuildBadgeTests {
    @Test("shows how the newest build went, to everybody for a public repository")
    func states() async throws {
        let site = try await SiteFixture()
        let ada = try await site.user("ada")
        let proof = try await site.repository("ada/app", of: ada, .public)
        let path = "/repository/ada/app/status"
        func state() async throws -> String? { try await site.send(.get, path).headers["ETag"] }
        #expect(try await state() == "\"none\"")
        let first = try await site.build(in: proof)
        #expect(try await state() == "\"building\"")
        try await site.log(first, [], phase: .complete)
        let ready = try await site.send(.get, path)
        #expect(ready.headers["Content-Type"] == "image/svg+xml")
        #expect(ready.headers["Cache-Control"] == "no-cache")
        #expect(ready.text.contains("container | ready"))
        for tag in ["ready", "\"ready\"", "W, \"ready\""] {
            #expect(try await site.send(.get, path, headers: ["If-None-Match": tag]).status == 304)
        }
        #expect(try await site.send(.get, path, headers: ["If-None-Match": "\"none\""]).status == 200)
        #expect(try await site.send(.head, path).text.isEmpty)
    }

    @Test(
        "SEC-Enumeration, timing: without the token, a private repository's badge is not there, like one that never was"
    )
    func privates() async throws {
        let site = try await SiteFixture()
        let ada = try await site.user("ada")
        let proof = try await site.repository("ada/app", of: ada)
        let token = try await site.services.repositories.badgeToken(proof)
        let path = "/repository/ada/app/status"
        #expect(try await site.send(.get, "\(path)?token=\(token)").status == 200)
        for query in ["", "?token=", "?token=x", "?token=\(token)x"] {
            #expect(try await site.send(.get, path + query).status == 404, "\(query)")
        }
        #expect(try await site.send(.get, "/repository/ada/none/status?token=\(token)").status == 404)
        #expect(try await site.send(.get, "/repository/none/app/status").status == 404)
        // Being signed in does not help.
        let visitor = PageVisitor(site)
        try await visitor.signIn("ada")
        #expect(try await visitor.get(path).status == 404)
    }

    @Test("a repository that is called status keeps its page")
    func namesake() async throws {
        let site = try await SiteFixture()
        let ada = try await site.user("ada")
        _ = try await site.repository("ada/app", of: ada, .public)
        _ = try await site.repository("ada/app/status", of: ada, .public)
        #expect(try await site.send(.get, "/repository/ada/app/status").text.hasPrefix("<!doctype html>"))
        #expect(try await site.send(.get, "/repository/ada/app/status/status").headers["ETag"] == "\"none\"")
    }
}
