import CPostgres

import struct SQL.DatabaseError
import struct SQL.Query
import enum SQL.SQLValue

/// A query's bindings as libpq wants them: text, but bytes in binary.
struct Parameters {
    /// Type numbers; 0 lets the server infer the type, as only NULL needs.
    let types: [Oid]
    private let formats: [Int32]
    private let lengths: [Int32]
    // All values in one buffer, each with a NUL behind it, and where each one starts; nil is NULL.
    private let buffer: [UInt8]
    private let offsets: [Int?]

    /// Errors: ``DatabaseError/Kind/statement`` for text with a NUL character, which libpq would cut off silently.
    init(_ query: Query, untyped: Set<Int>) throws {
        var types: [Oid] = []
        var formats: [Int32] = []
        var lengths: [Int32] = []
        var buffer: [UInt8] = []
        var offsets: [Int?] = []
        for (position, value) in query.bindings.enumerated() {
            let start = buffer.count
            switch value {
            case .null: break
            case .integer(let number): buffer += Array(String(number).utf8)
            case .real(let number): buffer += Array(Self.text(number).utf8)
            case .text(let text):
                guard !text.utf8.contains(0) else {
                    throw DatabaseError(.statement, "Text with a NUL character can't be stored.", sql: query.sql)
                }
                buffer += Array(text.utf8)
            case .bytes(let bytes): buffer += bytes
            }
            offsets.append(value == .null ? nil : start)
            lengths.append(Int32(buffer.count - start))
            buffer.append(0)
            types.append(value == .null && untyped.contains(position) ? PostgresType.text : PostgresType.of(value))
            if case .bytes = value { formats.append(1) } else { formats.append(0) }
        }
        self.types = types
        self.formats = formats
        self.lengths = lengths
        self.buffer = buffer
        self.offsets = offsets
    }

    /// Lends the pointers to `body`: values, lengths, formats.
    func withPointers<Value>(
        _ body: ([UnsafePointer<CChar>?], [Int32], [Int32]) -> Value
    ) -> Value {
        buffer.withUnsafeBytes { bytes in
            let base = bytes.assumingMemoryBound(to: CChar.self).baseAddress
            return body(offsets.map { offset in offset.flatMap { base?.advanced(by: $0) } }, lengths, formats)
        }
    }

    private static func text(_ number: Double) -> String {
        switch number {
        case .infinity: "Infinity"
        case -.infinity: "-Infinity"
        default: number.isNaN ? "NaN" : number.description
        }
    }
}

/// The type numbers (pg_type.oid) that this driver tells apart.
enum PostgresType {
    static let boolean: Oid = 16
    static let bytes: Oid = 17
    static let bigint: Oid = 20
    static let smallint: Oid = 21
    static let integer: Oid = 23
    static let text: Oid = 25
    static let oid: Oid = 26
    static let real: Oid = 700
    static let double: Oid = 701
    static let numeric: Oid = 1700

    static func of(_ value: SQLValue) -> Oid {
        switch value {
        case .null: 0
        case .integer: bigint
        case .real: double
        case .text: text
        case .bytes: bytes
        }
    }
}
