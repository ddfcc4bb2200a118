import Domain
import HTTPTypes
import Testing

@testable import RegistryLite

@Suite("API router") struct APIRouterTests {
    static let router = APIRouter(Features.routes)

    static func found(_ method: HTTPRequest.Method, _ path: String) -> (String, [String: String])? {
        guard case .found(let route, let values) = router.match(method, path) else { return nil }
        return (route.operationID, values)
    }

    @Test(
        "a repository's name may hold slashes, and what follows it still counts",
        arguments: [
            ("/api/v1/repository/acme/app", "getRepo", "acme/app"),
            ("/api/v1/repository/acme/app/", "getRepo", "acme/app"),
            ("/api/v1/repository/acme/team/app", "getRepo", "acme/team/app"),
            ("/api/v1/repository/acme/app/permissions/user/", "listRepoUserPermissions", "acme/app"),
            ("/api/v1/repository/acme/team/app/permissions/user/acme+ci", "getUserPermissions", "acme/team/app"),
        ])
    func repositories(_ path: String, _ operation: String, _ repository: String) {
        let match = Self.found(.get, path)
        #expect(match?.0 == operation)
        #expect(match?.1["repository"] == repository)
    }

    @Test(
        "a path that no route has is not found, and one with other methods says which",
        arguments: [
            "/api/v1", "/api/v1/", "/api/v1/nothing", "/api/v1/repository/acme/", "/api/v2/user", "/api/v1/users",
        ])
    func nothing(_ path: String) {
        if case .found(let route, _) = Self.router.match(.get, path) { #expect(route.operationID == "listRepos") }
        if case .otherMethods = Self.router.match(.get, path) { Issue.record("\(path) exists") }
    }

    @Test("HEAD is answered by GET") func head() { #expect(Self.found(.head, "/api/v1/user")?.0 == "getLoggedInUser") }

    @Test("operation ids are unique, and so are methods on paths") func unique() {
        #expect(Set(Features.routes.map(\.operationID)).count == Features.routes.count)
        #expect(Set(Features.routes.map { "\($0.method) \($0.path)" }).count == Features.routes.count)
    }

    @Test("a route that changes something names who may, or is one of the few that begin a session") func changes() {
        let open = Features.routes.filter { $0.method != .get && $0.access == .everybody }.map(\.operationID)
        #expect(open.sorted() == ["createNewUser", "initializeUser", "logout", "signinUser"])
        #expect(Features.routes.filter { !$0.needsCSRFToken }.map(\.operationID) == ["initializeUser"])
    }
}

@Suite("Body schemas") struct BodySchemaTests {
    static let schema = BodySchema(
        "Test", .required("name"), .required("kind", .string(oneOf: ["a", "b"]), nullable: true),
        .optional("count", .integer(minimum: 0)), .optional("flag", .boolean),
        .optional("tags", .array(of: .string(), minimumCount: 1, isUnique: true)),
        .optional("inner", .object([.required("x", .number)])))

    @Test(
        "take what they describe, and more",
        arguments: [
            #"{"name":"n","kind":"a"}"#,
            #"{"name":"","kind":null,"count":0,"flag":false,"tags":["x"],"inner":{"x":1.5}}"#,
            #"{"name":"n","kind":"b","unknown":{"deep":[1]}}"#,
        ])
    func takes(_ text: String) throws { try Self.schema.validate(JSONValue(parsing: Array(text.utf8))) }

    @Test(
        "say what is wrong first",
        arguments: [
            ("[]", "The list is not of type 'object'"), ("null", "None is not of type 'object'"),
            ("{}", "'name' is a required property"), (#"{"name":1,"kind":"a"}"#, "1 is not of type 'string' (name)"),
            (#"{"name":"n"}"#, "'kind' is a required property"),
            (#"{"name":"n","kind":"c"}"#, "'c' is not one of ['a', 'b'] (kind)"),
            (#"{"name":null,"kind":"a"}"#, "None is not of type 'string' (name)"),
            (#"{"name":"n","kind":"a","count":-1}"#, "-1 is less than the minimum of 0 (count)"),
            (#"{"name":"n","kind":"a","count":1.5}"#, "1.5 is not of type 'integer' (count)"),
            (#"{"name":"n","kind":"a","flag":"true"}"#, "'true' is not of type 'boolean' (flag)"),
            (#"{"name":"n","kind":"a","tags":[]}"#, "The list is too short (tags)"),
            (#"{"name":"n","kind":"a","tags":["x","x"]}"#, "The list has non-unique elements (tags)"),
            (#"{"name":"n","kind":"a","tags":[1]}"#, "1 is not of type 'string' (tags[0])"),
            (#"{"name":"n","kind":"a","inner":{}}"#, "'x' is a required property (inner)"),
        ])
    func refuses(_ text: String, _ message: String) throws {
        do {
            try Self.schema.validate(JSONValue(parsing: Array(text.utf8)))
            Issue.record("accepted \(text)")
        } catch let error as RegistryError {
            #expect(error.kind == .invalidRequest)
            #expect(error.message == message)
        }
    }

    @Test("SEC-Resource exhaustion: text nested deeper than a request needs is refused before it is parsed")
    func depth() throws {
        let deep = String(repeating: "[", count: 33) + String(repeating: "]", count: 33)
        #expect(throws: JSONValue.Malformed.self) { try JSONValue(parsing: Array(deep.utf8)) }
        #expect(throws: JSONValue.Malformed.self) {
            try JSONValue(parsing: [UInt8](repeating: UInt8(ascii: "["), count: 900_000))
        }
        // Brackets in a string nest nothing.
        let text = "[\"" + String(repeating: "[{\\\"", count: 100) + "\"]"
        #expect(try JSONValue(parsing: Array(text.utf8)).array?.count == 1)
    }

    @Test("text that is not JSON is refused", arguments: ["", "{", "{]", "nul", "\"\u{1}\"", "{}{}"])
    func malformed(_ text: String) {
        #expect(throws: JSONValue.Malformed.self) { try JSONValue(parsing: Array(text.utf8)) }
    }
}
