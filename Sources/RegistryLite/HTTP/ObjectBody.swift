import HummingbirdCore
import NIOCore
import NIOHTTP1
import NIOHTTPTypesHTTP1
import NIOPosix
import NIOSSL
import ObjectStorage

/// Sends a stored object, or a part of it: by the kernel (sendfile) over plain HTTP/1, in pieces under TLS.
///
/// The file is opened when the body is written, so a HEAD or a dropped response never holds one.
enum ObjectBody {
    private static let pieceBytes = 256 * 1024
    /// Up to here, reading and sending in one go costs less than what surrounds a sendfile.
    private static let smallBytes = 64 * 1024

    /// - Parameter range: bytes of the object; within its size.
    static func body(of content: ObjectContent, range: Range<Int64>, channel: any Channel) -> ResponseBody {
        switch content {
        case .memory(let buffer):
            let slice = buffer.getSlice(at: buffer.readerIndex + Int(range.lowerBound), length: range.count)
            return ResponseBody(byteBuffer: slice ?? ByteBuffer())
        case .remote(let object):
            return ResponseBody(contentLength: range.count) { writer in
                if !range.isEmpty {
                    for try await chunk in try await object.read(range) { try await writer.write(chunk) }
                }
                try await writer.finish(nil)
            }
        case .file(let path, _):
            return ResponseBody(contentLength: range.count) { writer in
                guard range.count > smallBytes else {
                    try await writer.write(try await piece(of: path, range: range))
                    return try await writer.finish(nil)
                }
                // Opened on this thread: the file has just been looked up, so that no disk is waited for.
                let file = try OpenFile(path, readingAhead: range)
                if try await !sendByKernel(file, range: range, on: channel) {
                    try await sendPieces(of: file, range: range, to: &writer)
                }
                try await writer.finish(nil)
            }
        }
    }

    private static func piece(of path: String, range: Range<Int64>) async throws -> ByteBuffer {
        try await NIOThreadPool.singleton.runIfActive {
            let file = try OpenFile(path)
            var whole = ByteBuffer()
            while whole.readableBytes < range.count {
                let start = range.lowerBound + Int64(whole.readableBytes)
                var piece = try file.read(at: start, count: range.count - whole.readableBytes)
                whole.writeBuffer(&piece)
            }
            return whole
        }
    }

    /// Answers whether it could: under TLS and HTTP/2 the bytes must be framed.
    private static func sendByKernel(
        _ file: OpenFile, range: Range<Int64>, on channel: any Channel
    ) async throws -> Bool {
        try await file.withHandle { handle in
            let region = FileRegion(
                fileHandle: handle, readerIndex: Int(range.lowerBound), endIndex: Int(range.upperBound))
            return try await channel.eventLoop.flatSubmit {
                let pipeline = channel.pipeline.syncOperations
                // No such handler is the answer no; the pipeline has no question without an error.
                guard (try? pipeline.handler(type: NIOSSLServerHandler.self)) == nil,
                    let codec = try? pipeline.context(handlerType: HTTP1ToHTTPServerCodec.self)
                else { return channel.eventLoop.makeSucceededFuture(false) }
                let sent = channel.eventLoop.makePromise(of: Void.self)
                codec.writeAndFlush(NIOAny(HTTPServerResponsePart.body(.fileRegion(region))), promise: sent)
                return sent.futureResult.map { true }
            }.get()
        }
    }

    private static func sendPieces(
        of file: OpenFile, range: Range<Int64>, to writer: inout any ResponseBodyWriter
    ) async throws {
        var position = range.lowerBound
        while position < range.upperBound {
            let (start, count) = (position, min(pieceBytes, Int(range.upperBound - position)))
            let piece = try await NIOThreadPool.singleton.runIfActive { try file.read(at: start, count: count) }
            position += Int64(piece.readableBytes)
            try await writer.write(piece)
        }
    }
}
