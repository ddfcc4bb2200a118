import Foundation

/// Where the rows are.
package struct DatabaseSection: Sendable {
    /// DB_URI in its two kinds.
    package enum URI: Sendable, Hashable {
        /// The path of the database file; relative ones count from the working directory.
        case sqlite(path: String)
        /// `postgresql://…`, as libpq takes it. Contains the password: not for messages.
        case postgresql(url: String)
    }

    package let uri: URI
    /// DB_CONNECTION_POOLING's size (own key DB_POOL_SIZE): connections at most.
    package let poolSize: Int
}

extension DatabaseSection {
    init(_ reader: SectionReader, dataDirectory: String) {
        poolSize = reader.integer("DB_POOL_SIZE", default: 10, in: 1...1000)
        guard let written = reader.nonEmptyText("DB_URI") else {
            uri = .sqlite(path: dataDirectory + "/registry.db")
            return
        }
        switch Self.parse(written) {
        case .success(let parsed): uri = parsed
        case .failure(let mistake):
            reader.problem("DB_URI", mistake.message)
            uri = .sqlite(path: dataDirectory + "/registry.db")
        }
    }

    /// What is wrong with a URI, without repeating it: it may contain a password.
    struct Mistake: Error { let message: String }

    static func parse(_ written: String) -> Result<URI, Mistake> {
        guard let separator = written.range(of: "://") else {
            return .failure(Mistake(message: "Expected sqlite:///path or postgresql://user:pass@host:port/name."))
        }
        // SQLAlchemy's names carry a driver behind a plus sign.
        let scheme = written[..<separator.lowerBound].split(separator: "+").first.map(String.init) ?? ""
        let rest = String(written[separator.upperBound...])
        switch scheme.lowercased() {
        case "sqlite":
            let path = String(rest.dropFirst())
            guard rest.hasPrefix("/"), !path.isEmpty, !path.contains("?"), !path.contains("\0") else {
                return .failure(
                    Mistake(
                        message: "A SQLite URI is sqlite:////absolute/path or sqlite:///relative, without parameters."))
            }
            return .success(.sqlite(path: path))
        case "postgresql", "postgres":
            return postgresql("postgresql://" + rest)
        case "mysql", "mariadb":
            return .failure(Mistake(message: "MySQL is not supported: use sqlite or postgresql."))
        default:
            return .failure(Mistake(message: "The kind \"\(scheme.prefix(20))\" is unknown: use sqlite or postgresql."))
        }
    }

    private static func postgresql(_ url: String) -> Result<URI, Mistake> {
        guard let parts = URLComponents(string: url) else {
            return .failure(
                Mistake(
                    message:
                        "The PostgreSQL URI can't be read; special characters of the password must be written as %XX."))
        }
        // libpq takes the folder of a local socket as the parameter `host`.
        let host = parts.queryItems?.last { $0.name == "host" }?.value ?? parts.host ?? ""
        guard !host.isEmpty, parts.path.count > 1, !parts.path.dropFirst().contains("/") else {
            return .failure(Mistake(message: "The PostgreSQL URI needs a host and a database name."))
        }
        let modes: Set<String> = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]
        if let mode = parts.queryItems?.last(where: { $0.name == "sslmode" })?.value, !modes.contains(mode) {
            return .failure(Mistake(message: "sslmode must be one of \(modes.sorted().joined(separator: ", "))."))
        }
        return .success(.postgresql(url: url))
    }
}
