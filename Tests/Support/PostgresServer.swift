import CPostgres
import Dispatch
import Foundation
import Glibc

/// The PostgreSQL server that tests talk to: the one of TEST_POSTGRES_URL, else a throw-away cluster of this process.
///
/// The cluster listens on a socket in a folder of its own only. A shell watches over it that waits for the end of its
/// standard input: however this process dies, the server is stopped and its folder removed.
package struct PostgresServer: Sendable {
    package struct Unavailable: Error, CustomStringConvertible {
        package let description: String
    }

    /// A URL whose user may create databases.
    package let url: String

    /// Starts with the first use and serves the whole process.
    package static var shared: PostgresServer {
        get async throws { try await starting.value }
    }

    private static let starting = Task<PostgresServer, any Error> {
        if let url = ProcessInfo.processInfo.environment["TEST_POSTGRES_URL"], !url.isEmpty {
            return PostgresServer(url: url)
        }
        return try await withCheckedThrowingContinuation { continuation in
            DispatchQueue.global().async { continuation.resume(with: Result { try start() }) }
        }
    }

    /// Makes an empty database and answers its URL.
    package func makeDatabase(named name: String) throws -> String {
        try execute("CREATE DATABASE \(name) TEMPLATE template0")
        guard var parts = URLComponents(string: url) else { throw Unavailable(description: "No URL: \(url)") }
        parts.path = "/\(name)"
        return parts.string ?? url
    }

    package func dropDatabase(named name: String) throws {
        try execute("DROP DATABASE IF EXISTS \(name) WITH (FORCE)")
    }

    /// Runs SQL outside of any transaction, on a connection of its own.
    package func execute(_ sql: String, in url: String? = nil) throws {
        let connection = PQconnectdb(url ?? self.url)
        defer { PQfinish(connection) }
        let result = PQexec(connection, sql)
        defer { PQclear(result) }
        guard [PGRES_COMMAND_OK, PGRES_TUPLES_OK].contains(PQresultStatus(result)) else {
            throw Unavailable(description: "\(sql): \(String(cString: PQerrorMessage(connection)))")
        }
    }

    private static func start() throws -> PostgresServer {
        let binaries = try newestBinaries()
        var template = Array("/tmp/pg-test-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Unavailable(description: "No folder in /tmp.") }
        let folder = String(decoding: template.dropLast().map(UInt8.init), as: UTF8.self)
        var command = ["/bin/sh", "-c", script, "postgres-test", binaries, folder]
        if getuid() == 0 {
            guard let account = getpwnam("postgres") else { throw Unavailable(description: "No user postgres.") }
            chown(folder, account.pointee.pw_uid, account.pointee.pw_gid)
            command = ["/usr/bin/setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"] + command
        }
        let shell = Process()
        let lifeline = Pipe()
        let answers = Pipe()
        // Stays open until this process ends, in no other child: a copy that nobody closes.
        guard fcntl(lifeline.fileHandleForWriting.fileDescriptor, F_DUPFD_CLOEXEC, 3) >= 0 else {
            throw Unavailable(description: "No descriptor is left for the server's lifeline.")
        }
        shell.executableURL = URL(fileURLWithPath: command[0])
        shell.arguments = Array(command.dropFirst())
        shell.standardInput = lifeline
        shell.standardOutput = answers
        shell.currentDirectoryURL = URL(fileURLWithPath: "/")
        try shell.run()
        let answer = String(decoding: answers.fileHandleForReading.availableData, as: UTF8.self)
        guard answer.hasPrefix("ready") else {
            throw Unavailable(description: "PostgreSQL did not start: \(answer)")
        }
        return PostgresServer(url: "postgresql:///postgres?host=\(folder)&user=postgres")
    }

    private static func newestBinaries() throws -> String {
        let root = "/usr/lib/postgresql"
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
        guard let newest = versions.compactMap(Int.init).max() else {
            throw Unavailable(description: "Install the package postgresql, or set TEST_POSTGRES_URL.")
        }
        return "\(root)/\(newest)/bin"
    }

    private static let script = """
        trap '' INT HUP TERM PIPE
        export LC_ALL=C
        "$1/initdb" -D "$2/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync >"$2/log" 2>&1 &&
        "$1/pg_ctl" -D "$2/data" -l "$2/log" -w -o "-c listen_addresses='' -c unix_socket_directories='$2' \
        -c fsync=off -c full_page_writes=off -c max_connections=300 -c max_locks_per_transaction=512 \
        -c shared_buffers=64MB -c autovacuum=off" \
        start >/dev/null 2>&1 && echo ready || tail -c 2000 "$2/log"
        exec >/dev/null 2>&1
        cat
        "$1/pg_ctl" -D "$2/data" -m immediate stop
        rm -rf "$2"
        """
}
