import CPostgres

import struct SQL.DatabaseError
import struct SQL.Query

/// One connection of libpq with its prepared statements. Blocking; used by one thread at a time.
final class PostgresSession {
    /// The server keeps each one in memory; lists of varying length make ever new texts.
    private static let mostPrepared = 400

    private struct Key: Hashable {
        let sql: String
        let types: [Oid]
    }

    private let handle: OpaquePointer
    private var texts: [String: Placeholders] = [:]
    private var prepared: [Key: String] = [:]
    private var preparedCount = 0

    /// Connects.
    ///
    /// - Parameter url: as libpq takes it; what it says wins over this driver's own settings.
    /// Errors: ``DatabaseError/Kind/unreachable``.
    init(url: String) throws {
        let settings = [
            ("connect_timeout", "5"), ("application_name", "registry"), ("keepalives_idle", "20"),
            ("keepalives_interval", "5"), ("keepalives_count", "3"), ("tcp_user_timeout", "30000"),
            // Last, so that it wins.
            ("dbname", url),
        ]
        let opened = Self.withCStrings(settings.map(\.0)) { names in
            Self.withCStrings(settings.map(\.1)) { values in PQconnectdbParams(names, values, 1) }
        }
        guard let opened else { throw DatabaseError(.unreachable, "No memory for a connection to PostgreSQL.") }
        self.handle = opened
        guard PQstatus(handle) == CONNECTION_OK else {
            throw DatabaseError(.unreachable, "PostgreSQL can't be reached: \(lastMessage)")
        }
        PQsetNoticeProcessor(handle, { _, _ in }, nil)
        let setup = PostgresAnswer(
            PQexec(
                handle,
                """
                SET client_encoding TO 'UTF8'; SET standard_conforming_strings TO on; SET bytea_output TO 'hex'; \
                SET idle_in_transaction_session_timeout TO '5min'
                """))
        guard setup.isFine else {
            throw DatabaseError(.unreachable, "PostgreSQL refused a connection's settings: \(setup.message)")
        }
    }

    // When the initialiser throws after `handle` is set, this runs as well.
    deinit { PQfinish(handle) }

    var isBroken: Bool { PQstatus(handle) != CONNECTION_OK }
    var isIdle: Bool { PQtransactionStatus(handle) == PQTRANS_IDLE }
    var socket: Int32 { PQsocket(handle) }
    var lastMessage: String {
        String(cString: PQerrorMessage(handle)).split(separator: "\n").joined(separator: " ")
    }

    /// Runs text without bindings; may hold several statements.
    func execute(_ text: String) -> PostgresAnswer { PostgresAnswer(PQexec(handle, text)) }

    /// Runs a statement, which is prepared when it comes for the first time.
    ///
    /// Errors: ``DatabaseError/Kind/statement`` when text and bindings don't fit together; what the server says stands
    /// in the answer.
    func execute(_ query: Query) throws -> PostgresAnswer {
        let text = texts[query.sql] ?? Placeholders(query.sql)
        guard text.count == query.bindings.count else {
            throw DatabaseError(
                .statement, "\(query.bindings.count) bindings for \(text.count) placeholders.", sql: query.sql)
        }
        let parameters = try Parameters(query, untyped: text.untyped)
        let key = Key(sql: query.sql, types: parameters.types)
        let wasPreparedEarlier = prepared[key] != nil
        if !wasPreparedEarlier {
            let (name, answer) = prepare(text.sql, types: parameters.types)
            guard answer.isFine else { return answer }
            texts[query.sql] = text
            prepared[key] = name
        }
        guard let name = prepared[key] else {
            throw DatabaseError(.statement, "The statement could not be prepared.", sql: query.sql)
        }
        let answer = parameters.withPointers { values, lengths, formats in
            PostgresAnswer(
                PQexecPrepared(handle, name, Int32(values.count), values, lengths, formats, 0),
                wasPreparedEarlier: wasPreparedEarlier)
        }
        if answer.isStale { forgetPrepared() }
        return answer
    }

    /// The names (payloads) of the notifications that have arrived; reads what the socket has, without waiting.
    ///
    /// Errors: ``DatabaseError/Kind/unreachable`` when the connection broke.
    func takeNotifications() throws -> [String] {
        guard PQconsumeInput(handle) == 1, !isBroken else {
            throw DatabaseError(.unreachable, "The connection to PostgreSQL broke: \(lastMessage)")
        }
        var names: [String] = []
        while let notification = PQnotifies(handle) {
            names.append(String(cString: notification.pointee.extra))
            PQfreemem(notification)
        }
        return names
    }

    private func prepare(_ sql: String, types: [Oid]) -> (name: String, answer: PostgresAnswer) {
        if prepared.count >= Self.mostPrepared {
            let answer = execute("DEALLOCATE ALL")
            guard answer.isFine else { return ("", answer) }
            forgetPrepared()
        }
        preparedCount += 1
        let name = "s\(preparedCount)"
        return (name, PostgresAnswer(PQprepare(handle, name, sql, Int32(types.count), types)))
    }

    // Names are never used twice, so what the server still holds does no harm.
    private func forgetPrepared() {
        prepared = [:]
        texts = [:]
    }

    /// Lends a nil-terminated array of C strings.
    private static func withCStrings<Value>(
        _ strings: [String], _ body: ([UnsafePointer<CChar>?]) -> Value
    ) -> Value {
        let copies = strings.map { Array($0.utf8CString) }
        return lend(copies[...], []) { body($0 + [nil]) }
    }

    private static func lend<Value>(
        _ copies: ArraySlice<[CChar]>, _ pointers: [UnsafePointer<CChar>?],
        _ body: ([UnsafePointer<CChar>?]) -> Value
    ) -> Value {
        guard let first = copies.first else { return body(pointers) }
        return first.withUnsafeBufferPointer { lend(copies.dropFirst(), pointers + [$0.baseAddress], body) }
    }
}
