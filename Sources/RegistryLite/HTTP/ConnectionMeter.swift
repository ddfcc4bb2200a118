import NIOCore

/// Stands at the socket's end of every connection: counts its bytes, and cuts a client that takes nothing of what waits
/// for it. Slow readers are no trouble: what counts is that the client's side acknowledges something.
final class ConnectionMeter: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = IOData
    typealias OutboundOut = IOData

    private let traffic: Traffic
    private let tick: TimeAmount
    private var timer: RepeatedTask?
    private var acknowledged: UInt64?

    init(limits: ConnectionLimits, traffic: Traffic) {
        self.traffic = traffic
        tick = limits.idle
    }

    func handlerAdded(context: ChannelHandlerContext) {
        traffic.connectionOpened()
        let (traffic, box) = (self.traffic, NIOLoopBound((self, context), eventLoop: context.eventLoop))
        context.channel.closeFuture.whenComplete { _ in traffic.connectionClosed() }
        timer = context.eventLoop.scheduleRepeatedTask(initialDelay: tick, delay: tick) { _ in
            let (handler, context) = box.value
            handler.look(context)
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        timer?.cancel()
        timer = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        traffic.received(unwrapInboundIn(data).readableBytes)
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        traffic.sent(unwrapOutboundIn(data).readableBytes)
        context.write(data, promise: promise)
    }

    private func look(_ context: ChannelHandlerContext) {
        guard let options = context.channel.syncOptions,
            // Only sockets can tell; a channel that is none is not watched.
            let waiting = try? options.getOption(.bufferedWritableBytes), waiting > 0,
            let socket = context.channel as? any SocketOptionProvider
        else {
            acknowledged = nil
            return
        }
        let box = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        socket.acknowledgedBytes().whenSuccess { now in
            let (handler, context) = box.value
            if handler.acknowledged == now {
                handler.traffic.cut(.stalledReader)
                context.close(promise: nil)
            }
            handler.acknowledged = now
        }
    }
}

extension SocketOptionProvider {
    /// How many bytes the other side has acknowledged. Source: Linux, tcp_info.tcpi_bytes_acked.
    fileprivate func acknowledgedBytes() -> EventLoopFuture<UInt64> {
        let information: EventLoopFuture<TCPInformation> = unsafeGetSocketOption(level: .tcp, name: .tcp_info)
        return information.map(\.acknowledgedBytes)
    }
}

/// The beginning of Linux' `tcp_info`, which the C library's header knows only in part.
private struct TCPInformation: Sendable {
    private typealias Words = (UInt64, UInt64, UInt64, UInt64, UInt64)
    private var first: Words
    private var second: Words
    private var third: Words
    /// At byte 120.
    let acknowledgedBytes: UInt64
}
