/// One `scope` of a registry token request: a repository and what the client wants to do there.
///
/// Shape: `repository:[<server hostname>/]<namespace>/<name>:<action>[,<action>…]`; without a namespace the library's.
/// Source: distribution token specification, and Quay's `/v2/auth`.
package struct RegistryTokenScope: Sendable, Hashable, CustomStringConvertible {
    package enum Action: String, Sendable, Hashable, CaseIterable, Comparable {
        case pull, push, delete
        case everything = "*"

        /// The role that a token with this action stands for.
        package var role: RepositoryRole {
            switch self {
            case .pull: .read
            case .push, .delete: .write
            case .everything: .admin
            }
        }

        package static func < (left: Self, right: Self) -> Bool {
            (left.role, left.rawValue) < (right.role, right.rawValue)
        }
    }

    package enum Malformed: Error, Sendable, Hashable {
        /// Not a scope of a repository on this host.
        case grammar(String)
        /// A scope whose repository name breaks the rule.
        case name(String)
    }

    /// As the client wrote it, with the hostname; the token repeats it.
    package let requestedName: String
    package let repository: RepositoryName
    package let actions: Set<Action>

    package init(requestedName: String, repository: RepositoryName, actions: Set<Action>) {
        self.requestedName = requestedName
        self.repository = repository
        self.actions = actions
    }

    /// - Parameters:
    ///   - hostname: SERVER_HOSTNAME, which may stand before the repository and may hold a port.
    ///   - library: the namespace of names without a slash.
    /// Throws ``Malformed``.
    package init(_ text: String, hostname: String, library: Username) throws(Malformed) {
        let kind = "repository:"
        guard text.hasPrefix(kind), let colon = text.lastIndex(of: ":") else { throw .grammar(text) }
        let start = text.index(text.startIndex, offsetBy: kind.count)
        guard colon > start else { throw .grammar(text) }
        let requested = String(text[start..<colon])
        var actions: Set<Action> = []
        for word in text[text.index(after: colon)...].split(separator: ",", omittingEmptySubsequences: false) {
            guard let action = Action(rawValue: String(word)) else { throw .grammar(text) }
            actions.insert(action)
        }
        let path = requested.hasPrefix(hostname + "/") ? String(requested.dropFirst(hostname.count + 1)) : requested
        guard path.utf8.allSatisfy(Self.isPathCharacter) else { throw .grammar(text) }
        do {
            self.init(
                requestedName: requested, repository: try RepositoryName(path, library: library), actions: actions)
        } catch { throw .name(path) }
    }

    /// Several scopes in one parameter are separated by blanks; an empty parameter holds none. Throws ``Malformed``.
    package static func parse(
        _ parameters: [String], hostname: String, library: Username
    ) throws(Malformed) -> [RegistryTokenScope] {
        var scopes: [RegistryTokenScope] = []
        // What some clients ask for before they list the catalog, which shows each caller what they may read anyway.
        for part in parameters.flatMap({ $0.split(separator: " ") }) where part != "registry:catalog:*" {
            scopes.append(try RegistryTokenScope(String(part), hostname: hostname, library: library))
        }
        return scopes
    }

    /// As a client would write it.
    package var description: String {
        "repository:\(requestedName):\(actions.sorted().map(\.rawValue).joined(separator: ","))"
    }

    private static func isPathCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"),
            UInt8(ascii: "/"):
            true
        default: false
        }
    }
}
