import Domain
import Foundation
import Testing

@testable import BuilderAgent

@Suite("Git plan") struct GitPlanTests {
    @Test(
        "SEC-git clone: refuses what git must not see",
        arguments: [
            ("ext::sh -c id", "abc"), ("ext::sh", "abc"), ("file:///etc", "abc"), ("/etc", "abc"), ("../x", "abc"),
            ("git://h/x", "abc"), ("--upload-pack=id", "abc"), ("-u:x", "abc"), ("ssh://-oProxyCommand=id/x", "abc"),
            ("ssh://user@-oProxyCommand=id/x", "abc"), ("-oProxyCommand=id:x", "abc"), ("user@-o:x", "abc"),
            ("https://h/x y", "abc"), ("https://h/x\n", "abc"), ("https:///x", "abc"), ("", "abc"), ("h:", "abc"),
            ("fd::7", "abc"), ("https://h/x", "-f"), ("https://h/x", "--orphan"), ("https://h/x", ""),
            ("https://h/x", "a b"), ("https://h/x", "a..b"), ("https://h/x", "$(id)"), ("https://h/x", "HEAD^"),
        ])
    func refuses(_ url: String, _ commit: String) {
        #expect(throws: GitPlan.Refused.self) { try Self.plan(url, commit) }
    }

    @Test(
        "takes the usual spellings",
        arguments: [
            "https://github.com/a/b.git", "http://10.0.0.1:3000/a/b", "ssh://git@h:2222/a/b.git",
            "git@github.com:a/b.git",
            "host:path", "HTTPS://h/x", "https://[::1]/x",
        ])
    func takes(_ url: String) throws {
        let plan = try Self.plan(url, "1c002dd")
        #expect(plan.clone.arguments.suffix(3) == ["--", url, "/checkout"])
        #expect(plan.forgetCredentials == nil)
    }

    @Test("SEC-git clone: hooks and links are off, protocols on a list, nothing of the machine's configuration")
    func guards() throws {
        let plan = try Self.plan("https://h/x", "1c002dd")
        for command in [plan.clone, plan.checkOut, plan.updateSubmodules, plan.listSubmodules] {
            #expect(command.arguments.contains("core.hooksPath=/dev/null"))
            #expect(command.arguments.contains("core.symlinks=false"))
            #expect(command.environment["GIT_ALLOW_PROTOCOL"] == "https:http:ssh")
            #expect(command.environment["GIT_CONFIG_NOSYSTEM"] == "1")
            #expect(command.environment["GIT_CONFIG_GLOBAL"] == "/dev/null")
            #expect(command.environment["GIT_TERMINAL_PROMPT"] == "0")
        }
        #expect(plan.checkOut.arguments.suffix(2) == ["1c002dd", "--"])
    }

    @Test("SEC-Secrets shown to readers: a password in the URL is neither shown nor kept")
    func passwords() throws {
        let plan = try Self.plan("https://me:hush@h/a/b", "abc")
        #expect(plan.shownURL == "https://h/a/b")
        #expect(plan.forgetCredentials?.arguments.suffix(3) == ["remote", "remove", "origin"])
    }

    @Test("asks ssh for the known key only when there is one", arguments: [("", "accept-new"), ("h ssh-rsa A", "yes")])
    func hostKeys(_ knownHosts: String, _ strictness: String) throws {
        let source = BuildGitSource(
            url: "git@h:x", commit: "abc", ref: nil, privateKey: BuildSecret("k"), knownHosts: knownHosts)
        let plan = try GitPlan(
            source, checkout: URL(fileURLWithPath: "/checkout"), keyFile: URL(fileURLWithPath: "/it's/key"),
            knownHosts: URL(fileURLWithPath: "/known"), base: [:])
        let ssh = try #require(plan.clone.environment["GIT_SSH_COMMAND"])
        #expect(ssh.contains("'StrictHostKeyChecking=\(strictness)'"))
        #expect(ssh.contains("'UserKnownHostsFile=/known'"))
        #expect(ssh.hasSuffix("'-i' '/it'\\''s/key'"))
    }

    private static func plan(_ url: String, _ commit: String) throws -> GitPlan {
        try GitPlan(
            BuildGitSource(url: url, commit: commit, ref: nil, privateKey: nil),
            checkout: URL(fileURLWithPath: "/checkout"), keyFile: nil, knownHosts: URL(fileURLWithPath: "/known"),
            base: [:])
    }
}
