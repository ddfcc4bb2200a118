import Testing

@testable import BuilderAgent

@Suite("Agent configuration") struct AgentConfigurationTests {
    @Test("needs a token and a server only")
    func minimal() throws {
        let configuration = try AgentConfiguration(environment: ["TOKEN": "t", "SERVER": "h:55443"])
        #expect(configuration.server == .init(host: "h", port: 55_443))
        #expect(configuration.transport == .tls(onlyRoot: nil))
        #expect(configuration.runtime == .buildah)
        #expect(!configuration.isInsecure)
    }

    @Test("INSECURE wins over a certificate")
    func insecure() throws {
        let environment = ["TOKEN": "t", "SERVER": "[::1]:1", "INSECURE": "true", "TLS_CERT_PATH": "/c"]
        let configuration = try AgentConfiguration(environment: environment)
        #expect(configuration.transport == .plainText)
        #expect(configuration.server.description == "[::1]:1")
        let secure = try AgentConfiguration(environment: environment.merging(["INSECURE": "false"]) { $1 })
        #expect(secure.transport == .tls(onlyRoot: "/c"))
    }

    @Test(
        "tells every problem at once",
        arguments: [
            ([:], 2), (["TOKEN": "", "SERVER": "h:1"], 1), (["TOKEN": "t", "SERVER": "h"], 1),
            (["TOKEN": "t", "SERVER": "h:0"], 1), (["TOKEN": "t", "SERVER": "h:99999"], 1),
            (["TOKEN": "t", "SERVER": "::1:5"], 1), (["TOKEN": "t", "SERVER": "https://h:1"], 1),
            (["SERVER": ":1", "CONTAINER_RUNTIME": "rkt", "BUILDAH_ISOLATION": "none", "INSECURE": "maybe"], 5),
        ] as [([String: String], Int)])
    func problems(_ environment: [String: String], _ count: Int) {
        let problems = #expect(throws: AgentConfiguration.Problems.self) {
            try AgentConfiguration(environment: environment)
        }
        #expect(problems?.sentences.count == count)
    }

    @Test("SEC-Secrets shown to readers: the build's programs don't see the agent's token")
    func childEnvironment() {
        let child = AgentConfiguration.childEnvironment(
            ["TOKEN": "hush", "SERVER": "h:1", "PATH": "/p", "STORAGE_DRIVER": "vfs", "AWS_SECRET": "hush"],
            home: "/h", temporary: "/t")
        #expect(child == ["PATH": "/p", "STORAGE_DRIVER": "vfs", "HOME": "/h", "TMPDIR": "/t", "LANG": "C.UTF-8"])
    }
}
