import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import ServiceLifecycle

/// Serves `GET /metrics` and `GET /health` in plain HTTP, on an address of its own.
struct MetricsServer: Service {
    let host: String
    let port: Int
    /// The text of all metrics as they are now.
    let text: @Sendable () async -> String
    let contentType: String
    let logger: Logger

    func run() async throws {
        let (text, contentType) = (self.text, self.contentType)
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(Answering(text: text, contentType: contentType))
                }
            }
            .bind(host: host, port: port).get()
        let name = host.contains(":") ? "[\(host)]" : host
        logger.info("metrics on http://\(name):\(server.localAddress?.port ?? port)/metrics")
        do { try await gracefulShutdown() } catch is CancellationError {
            // The program ends another way: the port goes with it all the same.
        }
        try await server.close()
    }

    /// One request after the other of one connection.
    private final class Answering: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart

        private let text: @Sendable () async -> String
        private let contentType: String
        private var head: HTTPRequestHead?

        init(text: @escaping @Sendable () async -> String, contentType: String) {
            self.text = text
            self.contentType = contentType
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch unwrapInboundIn(data) {
            case .head(let head): self.head = head
            case .body: break
            case .end: answer(context)
            }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

        private func answer(_ context: ChannelHandlerContext) {
            guard let head else { return }
            self.head = nil
            let channel = context.channel
            let plain = "text/plain; charset=utf-8"
            switch (head.method, head.uri.split(separator: "?").first ?? "") {
            case (.GET, "/metrics"), (.HEAD, "/metrics"):
                let (text, contentType) = (self.text, self.contentType)
                channel.eventLoop.makeFutureWithTask { await text() }.whenSuccess { body in
                    Self.write(.ok, contentType, body, answering: head, to: channel)
                }
            case (.GET, "/health"), (.HEAD, "/health"): Self.write(.ok, plain, "ok\n", answering: head, to: channel)
            case (.GET, _), (.HEAD, _): Self.write(.notFound, plain, "Not Found\n", answering: head, to: channel)
            default: Self.write(.methodNotAllowed, plain, "Method not allowed\n", answering: head, to: channel)
            }
        }

        private static func write(
            _ status: HTTPResponseStatus, _ type: String, _ body: String, answering head: HTTPRequestHead,
            to channel: any Channel
        ) {
            var headers = HTTPHeaders([("Content-Type", type), ("Content-Length", String(body.utf8.count))])
            if !head.isKeepAlive { headers.add(name: "Connection", value: "close") }
            let start = HTTPResponseHead(version: head.version, status: status, headers: headers)
            channel.write(HTTPServerResponsePart.head(start), promise: nil)
            if head.method != .HEAD {
                let bytes = channel.allocator.buffer(string: body)
                channel.write(HTTPServerResponsePart.body(.byteBuffer(bytes)), promise: nil)
            }
            let isKept = head.isKeepAlive
            channel.writeAndFlush(HTTPServerResponsePart.end(nil)).whenComplete { _ in
                if !isKept { channel.close(promise: nil) }
            }
        }
    }
}
