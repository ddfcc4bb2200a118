import CZlib

/// Compresses a stream of bytes into one gzip member, which can be entered where it was flushed.
///
/// For one caller at a time; takes about 256 KiB however long the stream is. Source: RFC 1952; zlib's full flush.
package final class GzipWriter {
    private static let pieceBytes = 64 * 1024

    // zlib keeps the address of its state: it must not move.
    private let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)

    /// How many compressed bytes were answered so far.
    package private(set) var count: Int64 = 0

    package init() {
        stream.initialize(to: z_stream())
        let code = czlib_gzip_begin(stream)
        // It fails only for want of memory, like every other allocation.
        precondition(code == Z_OK, "zlib does not start: \(code)")
    }

    deinit {
        deflateEnd(stream)
        stream.deallocate()
    }

    /// Takes the next bytes, and answers those that are compressed by now: perhaps none.
    package func write(_ bytes: [UInt8]) -> [UInt8] { run(bytes, Z_NO_FLUSH) }

    /// Ends a part: what follows the answer can be read without what came before, by ``GzipReader/Entry/flushed``.
    package func flush() -> [UInt8] { run([], Z_FULL_FLUSH) }

    /// Ends the member. Nothing may be written after it.
    package func finish() -> [UInt8] { run([], Z_FINISH) }

    private func run(_ input: [UInt8], _ mode: Int32) -> [UInt8] {
        var output: [UInt8] = []
        input.withUnsafeBufferPointer { input in
            stream.pointee.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
            stream.pointee.avail_in = UInt32(input.count)
            repeat {
                let piece = [UInt8](unsafeUninitializedCapacity: Self.pieceBytes) { room, used in
                    stream.pointee.next_out = room.baseAddress
                    stream.pointee.avail_out = UInt32(room.count)
                    // Its only failure is a misuse that this type does not allow; "no progress" is none.
                    _ = deflate(stream, mode)
                    used = room.count - Int(stream.pointee.avail_out)
                }
                output += piece
            } while stream.pointee.avail_out == 0
            stream.pointee.next_in = nil
        }
        count += Int64(output.count)
        return output
    }
}
