import CPostgres

import struct SQL.Row
import enum SQL.SQLValue

/// What the server answered to one statement; owns libpq's result.
final class PostgresAnswer {
    /// Whether the statement, prepared earlier, no longer fits its table: prepared anew it may succeed.
    let isStale: Bool

    private let result: OpaquePointer?

    /// - Parameter result: from `PQexec` and its kin; nil when libpq had no memory or no connection.
    init(_ result: OpaquePointer?, wasPreparedEarlier: Bool = false) {
        self.result = result
        self.isStale = wasPreparedEarlier && Self.state(of: result) == "0A000"
    }

    deinit { PQclear(result) }

    var isFine: Bool {
        let status = PQresultStatus(result)
        return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY
    }

    /// Five letters and digits, or nil when the error is libpq's own: the connection broke.
    var state: String? { Self.state(of: result) }

    var message: String {
        let primary = PQresultErrorField(result, Int32(UInt8(ascii: "M"))).map { String(cString: $0) }
        return primary ?? String(cString: PQresultErrorMessage(result))
    }

    /// Such as `COMMIT` or `UPDATE 3`.
    var commandTag: String { String(cString: PQcmdStatus(result)) }

    /// How many rows the statement changed; 0 for those that change none.
    var changedRows: Int { Int(String(cString: PQcmdTuples(result))) ?? 0 }

    var rows: [Row] {
        let width = PQnfields(result)
        let columns = Row.Columns((0..<width).map { String(cString: PQfname(result, $0)) })
        let types = (0..<width).map { PQftype(result, $0) }
        return (0..<PQntuples(result)).map { row in
            Row(columns: columns, values: (0..<width).map { value(row, $0, type: types[Int($0)]) })
        }
    }

    private static func state(of result: OpaquePointer?) -> String? {
        PQresultErrorField(result, Int32(UInt8(ascii: "C"))).map { String(cString: $0) }
    }

    private func value(_ row: Int32, _ column: Int32, type: Oid) -> SQLValue {
        guard PQgetisnull(result, row, column) == 0, let start = PQgetvalue(result, row, column) else { return .null }
        let bytes = UnsafeRawBufferPointer(start: start, count: Int(PQgetlength(result, row, column)))
        if type == PostgresType.bytes { return .bytes(Self.bytes(hex: bytes)) }
        let text = String(decoding: bytes, as: UTF8.self)
        switch type {
        case PostgresType.boolean: return .integer(text == "t" ? 1 : 0)
        case PostgresType.bigint, PostgresType.integer, PostgresType.smallint, PostgresType.oid:
            return Int64(text).map { .integer($0) } ?? .text(text)
        case PostgresType.real, PostgresType.double:
            return Double(text).map { .real($0) } ?? .text(text)
        case PostgresType.numeric:
            // SUM of BIGINT is NUMERIC, and a whole number as long as it fits.
            return Int64(text).map { .integer($0) } ?? Double(text).map { .real($0) } ?? .text(text)
        default: return .text(text)
        }
    }

    /// Reads `bytea_output = hex`: `\x` and two digits a byte.
    private static func bytes(hex: UnsafeRawBufferPointer) -> [UInt8] {
        func digit(_ byte: UInt8) -> UInt8 { byte < UInt8(ascii: "a") ? byte &- 48 : byte &- 87 }
        return stride(from: 2, to: hex.count - 1, by: 2).map { digit(hex[$0]) << 4 | digit(hex[$0 + 1]) }
    }
}
