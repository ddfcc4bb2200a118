import CZlib

/// Reads back what ``GzipWriter`` wrote, piece by piece.
///
/// For one caller at a time. Hand it bytes with ``feed(_:)``, then ask ``next()`` until it answers nil.
package final class GzipReader {
    /// Where the first byte stands.
    package enum Entry: Sendable {
        /// At the beginning of a gzip member.
        case start
        /// Behind a flush, anywhere in a member.
        case flushed
    }

    private static let pieceBytes = 64 * 1024

    private let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
    private var input: [UInt8] = []
    private var position = 0
    /// The member has ended; what follows it is ignored.
    package private(set) var isFinished = false

    package init(at entry: Entry) {
        stream.initialize(to: z_stream())
        let code = entry == .start ? czlib_gunzip_begin(stream) : czlib_inflate_begin(stream)
        precondition(code == Z_OK, "zlib does not start: \(code)")
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
    }

    /// Hands over the next compressed bytes, after ``next()`` has answered nil.
    package func feed(_ bytes: [UInt8]) {
        input = bytes
        position = 0
    }

    /// The next piece, 64 KiB at most; nil when what was fed is used up. Throws ``GzipError``.
    package func next() throws(GzipError) -> [UInt8]? {
        guard !isFinished else { return nil }
        var code = Z_OK
        let piece = input.withUnsafeBufferPointer { input in
            [UInt8](unsafeUninitializedCapacity: Self.pieceBytes) { room, used in
                let rest = UnsafeBufferPointer(rebasing: input[position...])
                stream.pointee.next_in = UnsafeMutablePointer(mutating: rest.baseAddress)
                stream.pointee.avail_in = UInt32(rest.count)
                stream.pointee.next_out = room.baseAddress
                stream.pointee.avail_out = UInt32(room.count)
                code = inflate(stream, Z_SYNC_FLUSH)
                position += rest.count - Int(stream.pointee.avail_in)
                stream.pointee.next_in = nil
                used = room.count - Int(stream.pointee.avail_out)
            }
        }
        switch code {
        case Z_OK, Z_BUF_ERROR: break
        case Z_STREAM_END: isFinished = true
        default: throw GzipError(reason: stream.pointee.msg.map { String(cString: $0) } ?? "code \(code)")
        }
        return piece.isEmpty ? nil : piece
    }
}
