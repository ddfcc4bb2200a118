import Domain
import TestSupport
import Testing
import WebRequests

@testable import RegistryLite

@Suite("Read-only mode") struct ReadOnlyModeTests {
    @Test("pushes get 405, other changes 503, and nobody is asked who they are first")
    func refuses() async throws {
        let site = try await SiteFixture { $0.isReadOnly = true }
        let token = try await site.token("alice")
        let requests: [(WebRequest.Method, String, Int)] = [
            (.post, "/v2/alice/app/blobs/uploads/", 405), (.patch, "/v2/alice/app/blobs/uploads/x", 405),
            (.put, "/v2/alice/app/manifests/latest", 405), (.delete, "/v2/alice/app/manifests/latest", 405),
            (.post, "/api/v1/repository", 503), (.put, "/api/v1/repository/alice/app", 503),
            (.delete, "/api/v1/user/robots/x", 503), (.put, "/userfiles/x", 503), (.post, "/webhooks/push/x", 503),
        ]
        for (method, path, status) in requests {
            for headers in [[:], ["Authorization": "Bearer \(token)"]] as [WebHeaders] {
                let answer = try await site.send(method, path, "{}", headers: headers)
                #expect(answer.status == status, "\(method) \(path): \(answer.text)")
                #expect(answer.text.contains("System is currently read-only."))
                if status == 503 { #expect(answer.json["is_readonly"] == true) }
                if status == 405 { #expect(answer.text.contains(#""code":"DENIED""#), "\(answer.text)") }
            }
        }
    }

    @Test("reading and signing in work") func allows() async throws {
        let site = try await SiteFixture { $0.isReadOnly = true }
        let token = try await site.token("alice")
        #expect(try await site.send(.get, "/v2/").status == 401)
        #expect(try await site.send(.get, "/api/v1/user/", as: token).status == 200)
        let browser = try await Browser(site)
        #expect(try await browser.signIn("alice").status == 200)
    }
}
