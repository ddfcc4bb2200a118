import Testing

@testable import BuilderAgent

@Suite("Bearer challenges") struct BearerChallengeTests {
    @Test(
        "name the place where tokens come from, with service and scope",
        arguments: [
            (
                #"Bearer realm="http://reg:1/v2/auth",service="reg:1",scope="repository:a/b:pull""#,
                "http://reg:1/v2/auth?service=reg:1&scope=repository:a/b:pull%2Cpush"
            ), (#"bearer realm="https://r/t?x=1""#, "https://r/t?x=1&scope=repository:a/b:pull%2Cpush"),
        ])
    func address(_ header: String, _ address: String) throws {
        let challenge = try #require(BearerChallenge(header))
        #expect(challenge.address(scope: "repository:a/b:pull,push") == address)
    }

    @Test(
        "are refused when they are of another kind or have no realm", arguments: ["", "Basic realm=\"x\"", "Bearer x"])
    func refused(_ header: String) { #expect(BearerChallenge(header) == nil) }
}
