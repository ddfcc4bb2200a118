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
    let text: @Sendable () -> String
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

        private let text: @Sendable () -> String
        private let contentType: String
        private var head: HTTPRequestHead?

        init(text: @escaping @Sendable () -> String, contentType: String) {
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
            let path = head.uri.split(separator: "?").first ?? ""
            var (status, type, body) = (HTTPResponseStatus.ok, "text/plain; charset=utf-8", "ok\n")
            switch (head.method, path) {
            case (.GET, "/metrics"), (.HEAD, "/metrics"): (type, body) = (contentType, text())
            case (.GET, "/health"), (.HEAD, "/health"): break
            case (.GET, _), (.HEAD, _): (status, body) = (.notFound, "Not Found\n")
            default: (status, body) = (.methodNotAllowed, "Method not allowed\n")
            }
            var headers = HTTPHeaders([("Content-Type", type), ("Content-Length", String(body.utf8.count))])
            if !head.isKeepAlive { headers.add(name: "Connection", value: "close") }
            context.write(
                wrapOutboundOut(.head(HTTPResponseHead(version: head.version, status: status, headers: headers))),
                promise: nil)
            if head.method != .HEAD {
                context.write(
                    wrapOutboundOut(.body(.byteBuffer(context.channel.allocator.buffer(string: body)))), promise: nil)
            }
            let isKept = head.isKeepAlive
            let channel = context.channel
            context.writeAndFlush(wrapOutboundOut(.end(nil))).whenComplete { _ in
                if !isKept { channel.close(promise: nil) }
            }
        }
    }
}
