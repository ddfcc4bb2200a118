import CHiredis

/// A word of a command: text, a number or any bytes.
package protocol RedisArgument: Sendable {
    var redisBytes: [UInt8] { get }
}

extension String: RedisArgument {
    package var redisBytes: [UInt8] { Array(utf8) }
}

extension Int: RedisArgument {
    package var redisBytes: [UInt8] { Array(String(self).utf8) }
}

extension [UInt8]: RedisArgument {
    package var redisBytes: [UInt8] { self }
}

/// A command as it goes over the wire.
struct EncodedCommand {
    let bytes: [UInt8]

    /// Formats `words`; nothing in them can end the command or start another.
    init(_ words: [any RedisArgument]) throws(RedisError) {
        guard !words.isEmpty else { throw .invalid("A Redis command has at least one word.") }
        let words = words.map(\.redisBytes)
        let joined = words.flatMap { $0 }
        let lengths = words.map(\.count)
        var command: UnsafeMutablePointer<CChar>?
        let length = joined.withUnsafeBytes { bytes in
            // Every word needs an address, empty ones too.
            var none: CChar = 0
            return withUnsafePointer(to: &none) { nowhere in
                var next = bytes.baseAddress.map { $0.assumingMemoryBound(to: CChar.self) } ?? nowhere
                var pointers: [UnsafePointer<CChar>?] = []
                for length in lengths {
                    pointers.append(next)
                    next += length
                }
                return redisFormatCommandArgv(&command, Int32(lengths.count), &pointers, lengths)
            }
        }
        guard length > 0, let command else { throw .invalid("The Redis command can't be formatted.") }
        defer { redisFreeCommand(command) }
        bytes = Array(UnsafeRawBufferPointer(start: command, count: Int(length)))
    }
}
