import TestSupport
import Testing
import WebRequests

@testable import RegistryLite

@Suite("Catalog over HTTP") struct CatalogRoutesTests {
    @Test("lists what the caller may read, in the order of bytes, page by page", arguments: TestDatabase.allEngines)
    func pages(_ engine: TestDatabase.Engine) async throws {
        let registry = try await LiveRegistry.start(engine)
        for name in ["owner/b", "owner/a/z", "owner/a", "owner/a-b", "owner/a.b"] {
            _ = try await registry.pushToken(name)
        }
        _ = try await registry.pushToken("other/secret", user: "other")
        let token = try await registry.token([])
        let all = try await registry.send(.get, "/v2/_catalog", token: token)
        #expect(all.status == 200)
        #expect(all.text == #"{"repositories":["owner/a","owner/a-b","owner/a.b","owner/a/z","owner/b"]}"#)
        #expect(all.headers["Link"] == nil)
        let first = try await registry.send(.get, "/v2/_catalog?n=2", token: token)
        #expect(first.text == #"{"repositories":["owner/a","owner/a-b"]}"#)
        #expect(first.headers["Link"] == "</v2/_catalog?n=2&last=owner/a-b>; rel=\"next\"")
        let second = try await registry.send(.get, "/v2/_catalog?n=4&last=owner/a-b", token: token)
        #expect(second.text == #"{"repositories":["owner/a.b","owner/a/z","owner/b"]}"#)
        #expect(second.headers["Link"] == nil)
        // A name that never was is a place in the order all the same.
        let between = try await registry.send(.get, "/v2/_catalog?last=owner/a%2F", token: token)
        #expect(between.text == #"{"repositories":["owner/a/z","owner/b"]}"#)
        let none = try await registry.send(.get, "/v2/_catalog?n=0", token: token)
        #expect(none.text == #"{"repositories":[]}"#)
        #expect(none.headers["Link"] == nil)
        for query in ["n=-1", "n=x", "n=", "n=%2B1", "last=%00"] {
            #expect(try await registry.send(.get, "/v2/_catalog?\(query)", token: token).status == 400, "\(query)")
        }
        let head = try await registry.send(.head, "/v2/_catalog", token: token)
        #expect(head.status == 200)
        #expect(head.headers["Content-Length"] == String(all.body.count))
    }

    @Test("SEC-Enumeration, timing: shows nobody the names of repositories that they may not read")
    func strangers() async throws {
        let registry = try await LiveRegistry.start()
        _ = try await registry.pushToken("owner/secret")
        for token in [nil, try await registry.token([], user: "other")] {
            let answer = try await registry.send(.get, "/v2/_catalog", token: token)
            #expect(answer.status == 200)
            #expect(answer.text == #"{"repositories":[]}"#)
        }
        // A token that names repositories shows those at most.
        _ = try await registry.pushToken("owner/app")
        let narrow = try await registry.token(["repository:owner/app:pull", "repository:owner/none:pull"])
        let answer = try await registry.send(.get, "/v2/_catalog", token: narrow)
        #expect(answer.text == #"{"repositories":["owner/app"]}"#)
    }
}
