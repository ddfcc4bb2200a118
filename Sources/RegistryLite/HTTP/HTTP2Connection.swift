import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP2
import NIOHTTPTypes
import NIOHTTPTypesHTTP2

/// One HTTP/2 connection: each of its streams is a request.
struct HTTP2Connection: Sendable {
    struct Value: Sendable {
        let streams: NIOHTTP2Handler.AsyncStreamMultiplexer<HTTP2Stream.Value>
        let channel: any Channel
    }

    /// How much a client may send before it hears that it was taken, in bytes: so much times the round trips of a second
    /// is what an upload can reach over a long line.
    private static let (streamWindow, connectionWindow) = (1_048_576, 8_388_608)
    private static let frameBytes = 65_536
    private static let streams = 100

    let streams: HTTP2Stream

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        channel.eventLoop.makeCompletedFuture {
            var rules = NIOHTTP2ServerConnectionManagementHandler.Configuration.defaults
            rules.maxIdleTime = streams.limits.idle
            rules.maxGraceTime = nil
            rules.keepalive = nil
            let management = NIOHTTP2ServerConnectionManagementHandler(
                eventLoop: channel.eventLoop, configuration: rules)
            var configuration = NIOHTTP2Handler.Configuration()
            configuration.connection.initialSettings = [
                HTTP2Setting(parameter: .maxConcurrentStreams, value: Self.streams),
                HTTP2Setting(parameter: .maxHeaderListSize, value: streams.limits.headerListBytes),
                HTTP2Setting(parameter: .initialWindowSize, value: Self.streamWindow),
                HTTP2Setting(parameter: .maxFrameSize, value: Self.frameBytes),
            ]
            configuration.connection.targetWindowSize = Self.connectionWindow
            configuration.stream.targetWindowSize = Self.streamWindow
            let multiplexer = try channel.pipeline.syncOperations.configureAsyncHTTP2Pipeline(
                mode: .server, streamDelegate: management.http2StreamDelegate, configuration: configuration
            ) { streams.setup(channel: $0, logger: logger) }
            try channel.pipeline.syncOperations.addHandler(management)
            return Value(streams: multiplexer, channel: channel)
        }
    }

    func handle(value: Value, logger: Logger) async {
        await withTaskCancellationHandler {
            do {
                try await withThrowingDiscardingTaskGroup { group in
                    for try await stream in value.streams.inbound {
                        group.addTask { await streams.handle(value: stream, logger: logger) }
                    }
                }
            } catch { logger.debug("an HTTP/2 connection failed: \(error)") }
        } onCancel: {
            // The time to finish is over.
            value.channel.close(promise: nil)
        }
    }
}

/// One request of an HTTP/2 connection.
struct HTTP2Stream: HTTPChannelHandler {
    typealias Value = NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>

    let responder: Responder
    let limits: ConnectionLimits
    let traffic: Traffic

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.addHandler(HTTP2FramePayloadToHTTPServerCodec())
            try channel.pipeline.syncOperations.addHandler(StreamPace(limits: limits, traffic: traffic))
            return try NIOAsyncChannel(
                wrappingChannelSynchronously: channel,
                configuration: .init(backPressureStrategy: .init(lowWatermark: 1, highWatermark: 2)))
        }
    }

    func handle(value: Value, logger: Logger) async { await handleHTTP(asyncChannel: value, logger: logger) }
}
