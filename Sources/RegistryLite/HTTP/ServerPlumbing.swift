import HTTPTypes
import HummingbirdCore
import HummingbirdTLS
import Logging
import NIOCore
import NIOHTTP1
import NIOHTTPTypes
import NIOHTTPTypesHTTP1
import NIOSSL

/// What one connection may cost.
struct ConnectionLimits: Sendable, Hashable {
    /// A header with its name, in bytes.
    var headerFieldBytes = 32 * 1024
    /// All headers of a request, in bytes: a registry token and its cookies fit in many times.
    var headerListBytes = 64 * 1024
    var headerFields = 200
    /// How long a connection may rest, between requests or within one.
    var idle: TimeAmount = .seconds(120)
}

/// How connections are served: our own channel, for socket options that hummingbird's does not have.
enum ServerPlumbing {
    /// - Parameter tls: the certificate to serve with; nil for plain HTTP.
    static func builder(tls: TLSConfiguration?, limits: ConnectionLimits = .init()) throws -> HTTPServerBuilder {
        let plain = HTTPServerBuilder { RegistryChannel(responder: $0, limits: limits) }
        guard let tls else { return plain }
        return try .tls(plain, tlsConfiguration: tls)
    }
}

/// One HTTP/1 connection: receives in pieces that are hashed and stored while the next ones come, without collecting more
/// than two of them.
struct RegistryChannel: HTTPChannelHandler {
    typealias Value = NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>

    let responder: Responder
    let limits: ConnectionLimits

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        channel.eventLoop.makeCompletedFuture {
            var decoder = NIOHTTPDecoderLimitConfiguration()
            decoder.maxHeaderFieldSize = limits.headerFieldBytes
            decoder.maxHeaderListSize = limits.headerListBytes
            decoder.maxHeaderFieldCount = limits.headerFields
            try channel.syncOptions?.setOption(
                .recvAllocator, value: AdaptiveRecvByteBufferAllocator(minimum: 1024, initial: 16_384, maximum: 65_536))
            let pipeline = channel.pipeline.syncOperations
            // Errors and pipelining are hummingbird's part, and HTTPFields can't hold what validation would look for.
            try pipeline.configureHTTPServerPipeline(
                withPipeliningAssistance: false, withErrorHandling: false, withOutboundHeaderValidation: false,
                withEncoderConfiguration: .init(), withDecoderLimitConfiguration: decoder)
            try pipeline.addHandler(HTTP1ToHTTPServerCodec(secure: false))
            try pipeline.addHandler(ConnectionCloseHandler())
            try pipeline.addHandler(HTTPConnectionStateHandler(idleTimeout: Duration(limits.idle), logger: logger))
            return try NIOAsyncChannel(
                wrappingChannelSynchronously: channel,
                configuration: .init(
                    backPressureStrategy: .init(lowWatermark: 1, highWatermark: 2), isOutboundHalfClosureEnabled: true))
        }
    }

    func handle(value: Value, logger: Logger) async { await handleHTTP(asyncChannel: value, logger: logger) }
}

/// Closes the connection behind a response that says `Connection: close`: its request's body will not be read.
final class ConnectionCloseHandler: ChannelOutboundHandler, RemovableChannelHandler {
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    private var closes = false

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head(let head):
            if head.headerFields[.connection] == "close" { closes = true }
            context.write(data, promise: promise)
        case .body: context.write(data, promise: promise)
        case .end:
            context.write(data, promise: promise)
            if closes {
                context.flush()
                context.close(promise: nil)
            }
        }
    }
}
