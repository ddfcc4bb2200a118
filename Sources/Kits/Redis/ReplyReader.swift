import CHiredis

/// Cuts a stream of bytes into replies. Belongs to the thread of its connection.
final class ReplyReader {
    private let reader: UnsafeMutablePointer<redisReader>

    init() throws(RedisError) {
        guard let reader = redisReaderCreate() else { throw .unreachable("out of memory") }
        self.reader = reader
    }

    deinit { redisReaderFree(reader) }

    func feed(_ bytes: ArraySlice<UInt8>) throws(RedisError) {
        let result = bytes.withUnsafeBytes { bytes in
            redisReaderFeed(reader, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count)
        }
        guard result == REDIS_OK else { throw problem }
    }

    /// The next whole reply, or `nil` until more bytes come.
    func next() throws(RedisError) -> RedisReply? {
        var reply: UnsafeMutableRawPointer?
        guard redisReaderGetReply(reader, &reply) == REDIS_OK else { throw problem }
        guard let reply else { return nil }
        defer { freeReplyObject(reply) }
        return try Self.convert(reply.assumingMemoryBound(to: redisReply.self))
    }

    private static func convert(_ reply: UnsafeMutablePointer<redisReply>) throws(RedisError) -> RedisReply {
        let bytes = { UnsafeRawBufferPointer(start: reply.pointee.str, count: reply.pointee.len) }
        switch reply.pointee.type {
        case REDIS_REPLY_STRING: return .bytes(Array(bytes()))
        case REDIS_REPLY_STATUS: return .status(String(decoding: bytes(), as: UTF8.self))
        case REDIS_REPLY_ERROR: return .error(String(decoding: bytes(), as: UTF8.self))
        case REDIS_REPLY_INTEGER: return .integer(Int(reply.pointee.integer))
        case REDIS_REPLY_NIL: return .null
        case REDIS_REPLY_ARRAY:
            var elements: [RedisReply] = []
            for index in 0..<reply.pointee.elements {
                guard let element = reply.pointee.element[index] else { throw .malformedReply("an empty element") }
                elements.append(try convert(element))
            }
            return .array(elements)
        default: throw .malformedReply("a reply of type \(reply.pointee.type)")
        }
    }

    private var problem: RedisError {
        .malformedReply(
            withUnsafeBytes(of: &reader.pointee.errstr) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) })
    }
}
