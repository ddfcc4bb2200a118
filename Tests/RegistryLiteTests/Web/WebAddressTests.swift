import Domain
import Testing

@testable import RegistryLite

@Suite("Addresses of pages") struct WebAddressTests {
    private static let uuid = "8f14e45f-ceea-467f-ab19-fc70c1b71a2b"

    private static func name(_ text: String) -> RepositoryName? { try? RepositoryName(text) }

    @Test("reads the pages there are") func pages() throws {
        let app = try RepositoryName("ns/app")
        let nested = try RepositoryName("ns/team/app")
        let cases: [(String, WebAddress)] = [
            ("/", .repositories), ("/repository", .repositories), ("/repository/", .repositories),
            ("/signin", .signIn), ("/signin/", .signIn), ("/signout/", .signOut),
            ("/repository/ns/app", .repository(app)), ("/repository/ns/app/", .repository(app)),
            ("/repository/ns/team/app", .repository(nested)),
            ("/repository/ns/app/build/\(Self.uuid)", .build(app, uuid: Self.uuid)),
            ("/repository/ns/team/app/build/\(Self.uuid)/", .build(nested, uuid: Self.uuid)),
            ("/repository/ns/app/build/\(Self.uuid)/log.txt", .buildLog(app, uuid: Self.uuid)),
            // Only a uuid makes it a build: this is a repository of that name.
            ("/repository/ns/app/build/latest", .repository(try RepositoryName("ns/app/build/latest"))),
            ("/static/abc/css/base.css", .staticFile("abc/css/base.css")), ("/static/", .staticFile("")),
        ]
        for (path, address) in cases { #expect(WebAddress(path) == address, "\(path)") }
    }

    @Test(
        "everything else is no page",
        arguments: [
            "", "x", "/x", "//", "/signin/x", "/signin//", "/repository/ns", "/repository/NS/app", "/repository/ns/App",
            "/repository/ns/app//", "/repository//app", "/repository/../etc/passwd", "/repository/ns/..",
            "/repository/ns/app/build/8F14E45F-CEEA-467F-AB19-FC70C1B71A2B", "/static", "/repository/ns/a\u{0}b",
            "/repository/ns/<script>", "/favicon.ico", "/build/8f14e45f-ceea-467f-ab19-fc70c1b71a2b",
        ])
    func nothing(_ path: String) { #expect(WebAddress(path) == nil) }
}

@Suite("Error pages") struct ErrorPageTests {
    @Test("a stranger can't tell a hidden page from a missing one") func sameForStrangers() {
        let hidden = ErrorPage(RegistryError(.unauthenticated, "secret/app"), isSignedIn: false, requestID: "1")
        let forbidden = ErrorPage(RegistryError(.forbidden, "secret/app"), isSignedIn: false, requestID: "1")
        #expect(hidden.heading == forbidden.heading)
        #expect(hidden.explanation == forbidden.explanation)
        #expect(hidden.offersSignIn)
        #expect(hidden.requestID == nil)
    }

    @Test("a failure of ours says what to tell an administrator, and nothing about its cause") func internalFailure() {
        struct Broken: Error, CustomStringConvertible { let description = "password=hunter2" }
        let page = ErrorPage(Broken(), isSignedIn: true, requestID: "5b1e9")
        #expect(page.status == 500)
        #expect(page.requestID == "5b1e9")
        #expect(!"\(page)".contains("hunter2"))
        #expect(!page.offersSignIn)
    }

    @Test(
        "kinds of errors have their status",
        arguments: [
            (RegistryError.Kind.notFound, 404), (.nameUnknown, 404), (.forbidden, 403), (.unauthenticated, 401),
            (.invalidRequest, 400), (.throttled, 429), (.unavailable, 503), (.internalError, 500),
        ])
    func statuses(_ kind: RegistryError.Kind, _ status: Int) {
        #expect(ErrorPage(RegistryError(kind, ""), isSignedIn: true, requestID: "").status == status)
    }
}
