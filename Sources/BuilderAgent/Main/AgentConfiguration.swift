import Domain

/// What an agent is told by its environment; everything else comes with the build pack.
///
/// Source: contract, "Programs"; Quay 13.1.
struct AgentConfiguration: Sendable, Hashable {
    /// Everything that is wrong, one sentence each.
    struct Problems: Error, Sendable, Hashable, CustomStringConvertible {
        let sentences: [String]
        var description: String { sentences.joined(separator: " ") }
    }

    struct Server: Sendable, Hashable, CustomStringConvertible {
        /// A name or an address; IPv6 without brackets.
        let host: String
        let port: Int
        var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
    }

    enum Transport: Sendable, Hashable {
        case plainText
        case tls(onlyRoot: String?)
    }

    let token: BuildSecret
    let server: Server
    let transport: Transport
    /// INSECURE: the registry is spoken to in plain text too.
    let isInsecure: Bool
    let runtime: RuntimeKind
    let isolation: String?
    /// Folder that the build's images and containers are kept in; nil: in the workspace.
    let storageRoot: String?

    /// Throws ``Problems`` with all of them.
    init(environment: [String: String]) throws(Problems) {
        var problems: [String] = []
        let given = environment.filter { !$0.value.isEmpty }
        if given["TOKEN"] == nil { problems.append("TOKEN is missing: the registration token of a build.") }
        var server: Server?
        if let text = given["SERVER"] {
            server = Server(text)
            if server == nil { problems.append("SERVER must be host:port, not \"\(text)\".") }
        } else {
            problems.append("SERVER is missing: host:port of Buildman.")
        }
        let insecure = given["INSECURE"]?.lowercased() ?? "false"
        if insecure != "true" && insecure != "false" { problems.append("INSECURE must be true or false.") }
        // The default of the contract's local executor; images for other executors set it.
        let runtime = RuntimeKind(rawValue: given["CONTAINER_RUNTIME"] ?? RuntimeKind.buildah.rawValue)
        if runtime == nil { problems.append("CONTAINER_RUNTIME must be buildah, podman or docker.") }
        let isolation = given["BUILDAH_ISOLATION"]
        if let isolation, !["chroot", "oci", "rootless"].contains(isolation) {
            problems.append("BUILDAH_ISOLATION must be chroot, oci or rootless.")
        }
        guard problems.isEmpty, let token = given["TOKEN"], let server, let runtime else {
            throw Problems(sentences: problems)
        }
        self.token = BuildSecret(token)
        self.server = server
        self.transport = insecure == "true" ? .plainText : .tls(onlyRoot: given["TLS_CERT_PATH"])
        self.isInsecure = insecure == "true"
        self.runtime = runtime
        self.isolation = isolation
        self.storageRoot = given["BUILD_STORAGE_ROOT"]
    }

    /// The part of `environment` that programs of a build may see: never the agent's own tokens.
    static func childEnvironment(_ environment: [String: String], home: String, temporary: String) -> [String: String] {
        var child = environment.filter { name, _ in
            passedOn.contains(name) || passedOnPrefixes.contains { name.hasPrefix($0) }
        }
        child["HOME"] = home
        child["TMPDIR"] = temporary
        child["LANG"] = "C.UTF-8"
        if child["PATH"] == nil { child["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" }
        return child
    }

    private static let passedOn: Set<String> = [
        "PATH", "USER", "LOGNAME", "TZ", "XDG_RUNTIME_DIR", "DOCKER_HOST", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY",
        "DOCKER_API_VERSION", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
        "SSL_CERT_FILE", "SSL_CERT_DIR",
    ]
    private static let passedOnPrefixes = ["STORAGE_", "CONTAINERS_", "BUILDAH_", "_CONTAINERS_"]
}

extension AgentConfiguration.Server {
    /// `host:port`, `[address]:port`; nil for anything else.
    init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]), port > 0
        else { return nil }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            return nil
        }
        guard !host.isEmpty, host.allSatisfy({ !$0.isWhitespace && $0 != "/" && $0 != "@" }) else { return nil }
        self.init(host: String(host), port: Int(port))
    }
}
