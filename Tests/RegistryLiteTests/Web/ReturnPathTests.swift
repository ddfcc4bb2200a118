import Testing

@testable import RegistryLite

@Suite("Return paths") struct ReturnPathTests {
    @Test(
        "SEC-CSRF, session, redirect: next is a page of this site or nothing",
        arguments: [
            "", "https://evil.example/", "//evil.example", "/\\evil.example", "\\\\evil.example", "javascript:alert(1)",
            "/\tevil", "/\n/evil.example", "evil", " /", "/ x", "/x\u{7F}", "/signin/", "/signin/?next=/signin/",
            "/api/v1/user/", "/v2/", "/" + String(repeating: "a", count: 3_000),
        ])
    func refuses(_ text: String) { #expect(ReturnPath(text) == nil) }

    @Test(
        "accepts pages with their queries",
        arguments: ["/", "/repository/a/b?tab=builds", "/repository/a/b/build/x?start=3", "/x//y", "/%2F%2Fevil"])
    func accepts(_ text: String) { #expect(ReturnPath(text)?.text == text) }

    @Test("the way back is encoded into the sign-in page's address and comes out whole")
    func encodes() {
        #expect(SignInPath(returningTo: "/").text == "/signin/")
        #expect(
            SignInPath(returningTo: "/repository/a/b?tab=builds&x=ä").text
                == "/signin/?next=/repository/a/b%3Ftab%3Dbuilds%26x%3D%C3%A4")
        #expect(SignInPath(returningTo: "//evil").text == "/signin/")
    }
}
