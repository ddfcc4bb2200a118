/// What Redis answers.
package indirect enum RedisReply: Sendable, Hashable {
    /// A word of the protocol, such as `OK` or `QUEUED`.
    case status(String)
    case bytes([UInt8])
    case integer(Int)
    case null
    case array([RedisReply])
    /// Only inside of arrays (one command of a transaction failed) and of ``RedisClient/pipeline(_:)``; else it is thrown.
    case error(String)

    /// The text of a status or of bytes; `nil` for everything else.
    package var text: String? {
        switch self {
        case .status(let text): text
        case .bytes(let bytes): String(decoding: bytes, as: UTF8.self)
        default: nil
        }
    }

    package var integer: Int? {
        if case .integer(let number) = self { number } else { nil }
    }

    package var array: [RedisReply]? {
        if case .array(let elements) = self { elements } else { nil }
    }

    package var isNull: Bool { self == .null }

    /// The fields of a hash (`HGETALL`), or `nil` when this is not an array of pairs of texts.
    package var fields: [String: String]? {
        guard let array, array.count.isMultiple(of: 2) else { return nil }
        var fields: [String: String] = [:]
        for index in stride(from: 0, to: array.count, by: 2) {
            guard let name = array[index].text, let value = array[index + 1].text else { return nil }
            fields[name] = value
        }
        return fields
    }
}
