import Domain
import Testing

@Suite("Registry token scopes") struct RegistryTokenScopeTests {
    static func parse(_ text: String) throws -> RegistryTokenScope {
        try RegistryTokenScope(text, hostname: "reg.example:8080", library: Username("library"))
    }

    struct Case: Sendable, CustomTestStringConvertible {
        let text: String
        let repository: String
        let actions: Set<RegistryTokenScope.Action>
        var testDescription: String { text }
    }

    @Test(
        "are a repository, with or without this host and a namespace, and actions",
        arguments: [
            Case(text: "repository:acme/app:pull", repository: "acme/app", actions: [.pull]),
            Case(text: "repository:acme/app:push,pull", repository: "acme/app", actions: [.push, .pull]),
            Case(text: "repository:acme/team/app:*", repository: "acme/team/app", actions: [.everything]),
            Case(text: "repository:app:pull,delete", repository: "library/app", actions: [.pull, .delete]),
            Case(text: "repository:reg.example:8080/acme/app:pull", repository: "acme/app", actions: [.pull]),
        ])
    func accepts(_ one: Case) throws {
        let scope = try Self.parse(one.text)
        #expect(scope.repository.text == one.repository)
        #expect(scope.actions == one.actions)
    }

    @Test("keep the name as it was requested, which the token repeats")
    func requestedName() throws {
        #expect(
            try Self.parse("repository:reg.example:8080/acme/app:pull").requestedName == "reg.example:8080/acme/app")
    }

    @Test(
        "refuse other kinds, hosts, actions and shapes as bad grammar",
        arguments: [
            "", "repository", "repository:", "repository::", "repository:acme/app", "repository::pull",
            "registry:catalog:*", "repository(plugin):acme/app:pull", "repository:acme/app:",
            "repository:acme/app:pull,",
            "repository:acme/app:PULL", "repository:acme/app:pull push", "repository:other.example:8080/acme/app:pull",
            "repository:acme/app?x:pull", "repository:acme/äpp:pull", "repository:acme/a%2fb:pull",
        ])
    func refusesGrammar(_ text: String) {
        do {
            _ = try Self.parse(text)
            Issue.record("accepted \(text)")
        } catch {
            guard case .grammar = error as? RegistryTokenScope.Malformed else {
                Issue.record("\(text): \(error)")
                return
            }
        }
    }

    @Test(
        "refuse names that break the rule as bad names",
        arguments: [
            "repository:Acme/app:pull", "repository:acme/App:pull", "repository:acme//app:pull",
            "repository:acme/../app:pull", "repository:/app:pull", "repository:acme/:pull",
            "repository:other.example/../x:pull",
        ])
    func refusesNames(_ text: String) {
        do {
            _ = try Self.parse(text)
            Issue.record("accepted \(text)")
        } catch {
            guard case .name = error as? RegistryTokenScope.Malformed else {
                Issue.record("\(text): \(error)")
                return
            }
        }
    }

    @Test("several come in several parameters, or separated by blanks in one; empty ones count for nothing")
    func several() throws {
        let scopes = try RegistryTokenScope.parse(
            ["repository:a1/x:pull repository:b1/y:push", "", "repository:c1/z:*"], hostname: "h",
            library: Username("library")
        )
        #expect(scopes.map(\.repository.text) == ["a1/x", "b1/y", "c1/z"])
    }
}
