import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP2
import NIOHTTPTypes
import NIOSSL
import ServerTLS

/// One connection under TLS, which speaks HTTP/2 or HTTP/1.1 as the client chooses (ALPN).
struct SecureChannel: HTTPChannelHandler {
    struct Value: ServerChildChannelValue {
        let negotiated: EventLoopFuture<NIONegotiatedHTTPVersion<RegistryChannel.Value, HTTP2Connection.Value>>
        let channel: any Channel
    }

    /// What clients may choose, the preferred one first.
    static let applicationProtocols = ["h2", "http/1.1"]

    let certificate: ServerCertificate
    let http1: RegistryChannel
    let http2: HTTP2Connection

    var responder: Responder { http1.responder }

    init(
        certificate: ServerCertificate, limits: ConnectionLimits, traffic: Traffic, responder: @escaping Responder
    ) {
        self.certificate = certificate
        http1 = RegistryChannel(responder: responder, limits: limits, traffic: traffic, isSecure: true)
        http2 = HTTP2Connection(streams: HTTP2Stream(responder: responder, limits: limits, traffic: traffic))
    }

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        let limit = HandshakeLimit(within: http1.limits.header, traffic: http1.traffic)
        let (http1, http2) = (self.http1, self.http2)
        do {
            let pipeline = channel.pipeline.syncOperations
            try RegistryChannel.prepare(channel, http1.limits, http1.traffic)
            try pipeline.addHandler(NIOSSLServerHandler(context: certificate.context))
            try pipeline.addHandler(limit)
        } catch { return channel.eventLoop.makeFailedFuture(error) }
        let box = NIOLoopBound(limit, eventLoop: channel.eventLoop)
        return channel.configureHTTP2AsyncSecureUpgrade { channel in
            box.value.isOver(channel)
            return http1.setup(channel: channel, logger: logger)
        } http2ConnectionInitializer: { channel in
            box.value.isOver(channel)
            return http2.setup(channel: channel, logger: logger)
        }.map { Value(negotiated: $0, channel: channel) }
    }

    func handle(value: Value, logger: Logger) async {
        do {
            switch try await value.negotiated.get() {
            case .http1_1(let connection): await http1.handle(value: connection, logger: logger)
            case .http2(let connection): await http2.handle(value: connection, logger: logger)
            }
        } catch {
            // Scanners and clients that don't trust the certificate: nothing that an administrator must see.
            logger.debug("a TLS handshake failed: \(error)")
        }
    }
}

/// Ends a connection whose TLS handshake takes too long, or is not done when the server stops.
final class HandshakeLimit: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer

    private let time: TimeAmount
    private let traffic: Traffic
    private var timer: Scheduled<Void>?

    init(within time: TimeAmount, traffic: Traffic) {
        self.time = time
        self.traffic = traffic
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let (traffic, box) = (self.traffic, NIOLoopBound(context, eventLoop: context.eventLoop))
        timer = context.eventLoop.scheduleTask(in: time) {
            traffic.cut(.slowHead)
            box.value.close(promise: nil)
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) { timer?.cancel() }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is ChannelShouldQuiesceEvent { context.close(promise: nil) }
        context.fireUserInboundEventTriggered(event)
    }

    func isOver(_ channel: any Channel) {
        timer?.cancel()
        channel.pipeline.syncOperations.removeHandler(self, promise: nil)
    }
}
