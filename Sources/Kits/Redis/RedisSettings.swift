import Foundation

/// Where Redis is, who we are there, and how long to wait.
package struct RedisSettings: Sendable, Hashable {
    package struct TLS: Sendable, Hashable {
        package enum NameCheck: Sendable, Hashable {
            /// The certificate must be made for the host that we connect to.
            case host
            /// It must be made for this name, whatever the host is called.
            case name(String)
            /// Any certificate of a trusted authority will do.
            case none
        }

        /// PEM file of the only trusted authorities; `nil` means those of the operating system.
        package var authorityFile: String?
        /// PEM files of our own certificate and its key, for servers that ask for one. Both or neither.
        package var certificateFile: String?
        package var keyFile: String?
        package var nameCheck = NameCheck.host

        package init(
            authorityFile: String? = nil, certificateFile: String? = nil, keyFile: String? = nil,
            nameCheck: NameCheck = .host
        ) {
            self.authorityFile = authorityFile
            self.certificateFile = certificateFile
            self.keyFile = keyFile
            self.nameCheck = nameCheck
        }
    }

    package var host: String
    package var port: Int
    /// An ACL user; `nil` means the default user.
    package var user: String?
    package var password: String?
    /// The number of the logical database.
    package var database: Int
    /// `nil` means plain text.
    package var tls: TLS?
    /// For the address, the connection, TLS and authentication together.
    package var connectTimeout = Duration.seconds(5)
    /// For one command, from the moment it is asked for. Commands that block on the server must end sooner.
    package var commandTimeout = Duration.seconds(10)
    /// A subscription that has heard nothing for so long asks whether the server is still there.
    package var pingInterval = Duration.seconds(15)

    package init(
        host: String = "127.0.0.1", port: Int = 6379, user: String? = nil, password: String? = nil, database: Int = 0,
        tls: TLS? = nil
    ) {
        self.host = host
        self.port = port
        self.user = user
        self.password = password
        self.database = database
        self.tls = tls
    }

    /// Reads `redis://user:password@host:port/database`; `rediss` means TLS. Throws ``RedisError/invalid(_:)``.
    package init(url: String) throws(RedisError) {
        guard let parts = URLComponents(string: url), let scheme = parts.scheme?.lowercased(),
            scheme == "redis" || scheme == "rediss", let host = parts.host, !host.isEmpty
        else { throw .invalid("A Redis address looks like redis://user:password@host:6379/0.") }
        let path = parts.path.drop { $0 == "/" }
        guard let database = path.isEmpty ? 0 : Int(path), database >= 0 else {
            throw .invalid("The path of a Redis address is the number of a database.")
        }
        self.init(
            host: host.trimmingCharacters(in: CharacterSet(charactersIn: "[]")), port: parts.port ?? 6379,
            user: parts.user.flatMap { $0.isEmpty ? nil : $0 }, password: parts.password, database: database,
            tls: scheme == "rediss" ? TLS() : nil)
    }
}
