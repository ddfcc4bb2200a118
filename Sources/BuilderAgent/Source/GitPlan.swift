import Domain
import Foundation

/// The commands that fetch a commit, with every guard that git offers against a hostile repository.
///
/// Protocols on a list (for submodules too), nothing of the machine's own git configuration, no hooks, `--` before the
/// URL, symbolic links made only after all submodules are there. Source: security rules, "git clone"; Quay 13.3.
struct GitPlan: Sendable, Hashable {
    struct Refused: Error, Sendable, Hashable, CustomStringConvertible {
        let description: String
    }

    static let protocols = ["https", "http", "ssh"]

    /// Without a password, for messages.
    let shownURL: String
    private let url: String
    private let commit: String
    private let hasCredentials: Bool
    private let environment: [String: String]
    private let checkout: String

    /// - Parameters:
    ///   - keyFile: the private key, or nil; `knownHosts`: a file, empty when the first host key seen is to be trusted.
    ///   - base: the environment without any git setting.
    ///
    /// Throws ``Refused`` for a URL or commit that git must not see.
    init(
        _ source: BuildGitSource, checkout: URL, keyFile: URL?, knownHosts: URL, base: [String: String]
    ) throws(Refused) {
        let address = try Self.address(source.url)
        url = source.url
        shownURL = address.shown
        hasCredentials = address.hasPassword
        commit = try Self.commit(source.commit)
        self.checkout = checkout.path
        environment = base.merging(
            [
                "GIT_ALLOW_PROTOCOL": Self.protocols.joined(separator: ":"),
                "GIT_CONFIG_NOSYSTEM": "1",
                "GIT_CONFIG_GLOBAL": "/dev/null",
                "GIT_TERMINAL_PROMPT": "0",
                "GIT_ASKPASS": "/bin/false",
                "GIT_SSH_VARIANT": "ssh",
                "GIT_SSH_COMMAND": Self.ssh(
                    keyFile: keyFile, knownHosts: knownHosts, isStrict: !source.knownHosts.isEmpty),
            ]) { $1 }
    }

    var clone: Command { git(["clone", "--progress", "--no-checkout", "--", url, checkout], inCheckout: false) }

    var checkOut: Command { git(["checkout", "--progress", "--force", "--detach", commit, "--"]) }

    var updateSubmodules: Command {
        git(["submodule", "--quiet", "update", "--init", "--recursive", "--progress"])
    }

    /// Prints the folders of all submodules, one a line.
    var listSubmodules: Command { git(["submodule", "--quiet", "foreach", "--recursive", "pwd"]) }

    /// Makes the symbolic links of one work tree, which were plain files until now.
    func makeLinks(in folder: String) -> Command {
        Command(
            "git",
            Self.guards(symlinks: true) + ["-C", folder, "checkout-index", "--force", "--all", "--quiet"],
            environment: environment)
    }

    /// The URL's password must not end up in the image; nil when there is none.
    var forgetCredentials: Command? { hasCredentials ? git(["remote", "remove", "origin"]) : nil }

    private func git(_ arguments: [String], inCheckout: Bool = true) -> Command {
        Command(
            "git", Self.guards(symlinks: false) + (inCheckout ? ["-C", checkout] : []) + arguments,
            environment: environment)
    }

    private static func guards(symlinks: Bool) -> [String] {
        [
            "-c", "core.hooksPath=/dev/null", "-c", "core.symlinks=\(symlinks)", "-c", "core.fsmonitor=false", "-c",
            "core.protectNTFS=true", "-c", "core.protectHFS=true", "-c", "credential.helper=", "-c",
            "advice.detachedHead=false",
        ]
    }

    private static func ssh(keyFile: URL?, knownHosts: URL, isStrict: Bool) -> String {
        var words = [
            "ssh", "-F", "/dev/null", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-o", "ConnectTimeout=30",
            "-o",
            "StrictHostKeyChecking=\(isStrict ? "yes" : "accept-new")", "-o",
            "UserKnownHostsFile=\(knownHosts.path)", "-o", "GlobalKnownHostsFile=/dev/null", "-o",
            "ForwardAgent=no", "-o", "ClearAllForwardings=yes", "-o", "PermitLocalCommand=no",
        ]
        words += keyFile.map { ["-i", $0.path] } ?? ["-o", "IdentityFile=none"]
        return words.map { "'" + $0.replacing("'", with: "'\\''") + "'" }.joined(separator: " ")
    }

    /// `scheme://…` with an allowed scheme, or ssh's `user@host:path`.
    private static func address(_ text: String) throws(Refused) -> (shown: String, hasPassword: Bool) {
        guard !text.isEmpty, text.utf8.count <= 2_048, text.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F }) else {
            throw Refused(description: "The git URL contains blanks or control characters, or is too long.")
        }
        guard !text.hasPrefix("-") else { throw Refused(description: "The git URL begins with a dash.") }
        if let mark = text.range(of: "://") {
            let scheme = text[..<mark.lowerBound].lowercased()
            guard protocols.contains(scheme) else {
                throw Refused(
                    description: "Git sources may use https, http or ssh, not \(scheme.prefix(20)).")
            }
            let rest = text[mark.upperBound...]
            let authority = rest.prefix { $0 != "/" }
            let host = authority.lastIndex(of: "@").map { authority[authority.index(after: $0)...] } ?? authority
            guard !host.isEmpty, !host.hasPrefix("-"), !authority.hasPrefix("-") else {
                throw Refused(description: "The git URL has no usable host.")
            }
            guard host.endIndex != authority.startIndex, authority.contains("@") else { return (text, false) }
            let hasPassword = scheme != "ssh"
            return ("\(scheme)://\(rest[host.startIndex...])", hasPassword)
        }
        // host:path, where no slash comes before the colon; "ext::…" and "C:\…" are no hosts.
        guard let colon = text.firstIndex(of: ":"), !text[..<colon].contains("/"), !text[colon...].hasPrefix("::"),
            text[..<colon].split(separator: "@", omittingEmptySubsequences: false).allSatisfy({
                !$0.isEmpty && !$0.hasPrefix("-")
            }), text.index(after: colon) != text.endIndex
        else {
            throw Refused(description: "The git URL is neither https://, http://, ssh:// nor user@host:path.")
        }
        return (text, false)
    }

    private static func commit(_ text: String) throws(Refused) -> String {
        guard (1...255).contains(text.utf8.count), !text.hasPrefix("-"), !text.contains(".."),
            text.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || "-_./".contains($0)) })
        else { throw Refused(description: "The git commit is not a name of a commit.") }
        return text
    }
}
