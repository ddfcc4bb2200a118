import HTTPTypes
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import NIOHTTPTypes
import NIOHTTPTypesHTTP1

/// One HTTP/1 connection: receives in pieces that are hashed and stored while the next ones come, without collecting more
/// than two of them.
struct RegistryChannel: HTTPChannelHandler {
    typealias Value = NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>

    let responder: Responder
    let limits: ConnectionLimits
    let traffic: Traffic
    /// The connection is already under TLS, and metered.
    var isSecure = false

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        channel.eventLoop.makeCompletedFuture {
            let pipeline = channel.pipeline.syncOperations
            if !isSecure { try Self.prepare(channel, limits, traffic) }
            let pace = RequestPace(limits: limits, traffic: traffic)
            try pipeline.addHandler(RequestBytes(telling: pace))
            var decoder = NIOHTTPDecoderLimitConfiguration()
            decoder.maxHeaderFieldSize = limits.headerFieldBytes
            decoder.maxHeaderListSize = limits.headerListBytes
            decoder.maxHeaderFieldCount = limits.headerFields
            // Errors and pipelining are RequestPace's and hummingbird's, and HTTPFields can't hold what validation would
            // look for.
            try pipeline.configureHTTPServerPipeline(
                withPipeliningAssistance: false, withErrorHandling: false, withOutboundHeaderValidation: false,
                withEncoderConfiguration: .init(), withDecoderLimitConfiguration: decoder)
            try pipeline.addHandler(HTTP1ToHTTPServerCodec(secure: isSecure))
            try pipeline.addHandler(pace)
            return try NIOAsyncChannel(
                wrappingChannelSynchronously: channel,
                configuration: .init(
                    backPressureStrategy: .init(lowWatermark: 1, highWatermark: 2), isOutboundHalfClosureEnabled: true))
        }
    }

    func handle(value: Value, logger: Logger) async {
        await withTaskCancellationHandler {
            await handleHTTP(asyncChannel: value, logger: logger)
        } onCancel: {
            // The time to finish is over: also for an answer that the kernel sends by itself.
            value.channel.close(promise: nil)
        }
    }

    /// What every connection begins with, with or without TLS.
    static func prepare(_ channel: any Channel, _ limits: ConnectionLimits, _ traffic: Traffic) throws {
        try channel.syncOptions?.setOption(
            .recvAllocator, value: AdaptiveRecvByteBufferAllocator(minimum: 1024, initial: 16_384, maximum: 131_072))
        try channel.pipeline.syncOperations.addHandler(ConnectionMeter(limits: limits, traffic: traffic))
    }
}
