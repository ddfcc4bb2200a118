/// What a server said before the body.
package struct WebResponseHead: Sendable, Hashable {
    package let status: Int
    package let headers: WebHeaders
    /// Where the answer came from, after redirects, without credentials.
    package let url: WebURL

    package var isSuccess: Bool { (200..<300).contains(status) }
}

/// An answer with its whole body.
package struct WebResponse: Sendable {
    package let head: WebResponseHead
    package let body: [UInt8]

    package var status: Int { head.status }
    package var headers: WebHeaders { head.headers }
    package var text: String { String(decoding: body, as: UTF8.self) }

    /// The answer itself when its status is 2xx; throws ``WebError/unexpectedStatus(_:host:excerpt:)`` otherwise.
    @discardableResult
    package func requiringSuccess() throws(WebError) -> WebResponse {
        if head.isSuccess { return self }
        throw .unexpectedStatus(status, host: head.url.host, excerpt: excerpt)
    }

    /// The start of the body as one line, for a message.
    private var excerpt: String {
        let words = String(decoding: body.prefix(600), as: UTF8.self).split { $0.isWhitespace || $0.isNewline }
        let line = words.joined(separator: " ")
        return line.count > 200 ? line.prefix(200) + "…" : line
    }
}

/// An answer whose body is still under way. Letting go of it, read or not, ends the transfer.
package struct StreamedWebResponse: Sendable {
    package let head: WebResponseHead
    package let body: WebBody

    package var status: Int { head.status }
    package var headers: WebHeaders { head.headers }

    /// Reads the rest, at most as long as the request allowed.
    package func whole() async throws -> WebResponse {
        var bytes: [UInt8] = []
        for try await chunk in body { bytes += chunk }
        return WebResponse(head: head, body: bytes)
    }
}

/// The bytes of a body as they arrive, for one reader.
///
/// A slow reader slows the server down: at most about ``Exchange/highWatermark`` bytes wait here. Throws ``WebError``,
/// or `CancellationError` when the reading task is cancelled. After an error or the end, further reads answer `nil`.
package struct WebBody: AsyncSequence, Sendable {
    private let owner: Owner

    init(exchange: Exchange, loop: TransferLoop) { owner = Owner(exchange: exchange, loop: loop) }

    package func makeAsyncIterator() -> Iterator { Iterator(owner: owner) }

    package struct Iterator: AsyncIteratorProtocol {
        fileprivate let owner: Owner

        package mutating func next() async throws -> [UInt8]? { try await owner.exchange.nextChunk() }

        package mutating func next(isolation actor: isolated (any Actor)?) async throws -> [UInt8]? {
            try await owner.exchange.nextChunk()
        }
    }

    /// Ends the transfer with the last reference, and keeps the loop that performs it alive until then.
    fileprivate final class Owner: Sendable {
        let exchange: Exchange
        private let loop: TransferLoop

        init(exchange: Exchange, loop: TransferLoop) {
            self.exchange = exchange
            self.loop = loop
        }

        deinit { exchange.cancel() }
    }
}
