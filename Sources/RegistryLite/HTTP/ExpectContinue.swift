import HTTPTypes
import HummingbirdCore
import NIOCore
import NIOHTTPTypes

/// `Expect: 100-continue`: tells a waiting client to send its body when somebody begins to read it, and not before.
///
/// So a request that is refused costs no upload. Source: RFC 9110, section 10.1.1.
struct ContinuingBody: AsyncSequence, Sendable {
    typealias Element = ByteBuffer
    typealias Failure = any Error

    private let base: RequestBody
    private let channel: any Channel

    /// The request with a body that answers the expectation, if it has one that we understand.
    static func answering(_ request: Request, on channel: any Channel) -> Request {
        guard request.headers[.expect]?.lowercased() == "100-continue" else { return request }
        var answering = request
        answering.body = RequestBody(asyncSequence: ContinuingBody(base: request.body, channel: channel))
        return answering
    }

    struct AsyncIterator: AsyncIteratorProtocol {
        var base: RequestBody.AsyncIterator
        /// Until the client has been told.
        var channel: (any Channel)?

        mutating func next() async throws -> ByteBuffer? {
            if let waiting = channel {
                channel = nil
                try await ContinuingBody.sendContinue(on: waiting)
            }
            return try await base.next()
        }
    }

    func makeAsyncIterator() -> AsyncIterator { AsyncIterator(base: base.makeAsyncIterator(), channel: channel) }

    private static func sendContinue(on channel: any Channel) async throws {
        // In front of the codec, whichever protocol it speaks; hummingbird's part of the pipeline sees whole answers only.
        try await channel.writeAndFlush(HTTPResponsePart.head(HTTPResponse(status: .continue)))
    }
}
