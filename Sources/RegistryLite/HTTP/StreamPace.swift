import Domain
import HTTPTypes
import NIOCore
import NIOHTTP2
import NIOHTTPTypes
import NIOHTTPTypesHTTP2

/// Watches over one request of an HTTP/2 connection: what ``RequestPace`` does for HTTP/1, as far as a stream has it.
final class StreamPace: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    /// A piece of an answer may take so many idle times: how much of one has gone out is not known, so it may just be slow.
    private static let patience = 8
    /// What belongs to connections, not to requests. Source: RFC 9113, section 8.2.2.
    private static let connectionHeaders = ["Connection", "Keep-Alive", "Transfer-Encoding", "Upgrade"]
        .compactMap { HTTPField.Name($0) }

    private let traffic: Traffic
    private let tick: TimeAmount
    private let patienceTime: TimeAmount
    private var rule: PaceRule
    private var timer: RepeatedTask?
    /// Pieces of the answer that the client has not made room for, and since when.
    private var waitingPieces = 0
    private var waitingSince = NIODeadline.now()
    private var resetsAfterAnswer = false

    init(limits: ConnectionLimits, traffic: Traffic) {
        self.traffic = traffic
        tick = limits.tick
        patienceTime = .nanoseconds(limits.idle.nanoseconds * Int64(Self.patience))
        rule = PaceRule(limits: limits, openedAt: .now())
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let box = NIOLoopBound((self, context), eventLoop: context.eventLoop)
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
        switch unwrapInboundIn(data) {
        case .head: rule.headCame(at: .now())
        case .body(let bytes): rule.bodyCame(bytes.readableBytes, at: .now())
        case .end: rule.requestEnded(at: .now())
        }
        context.fireChannelRead(data)
    }

    func read(context: ChannelHandlerContext) {
        rule.wantsBody(at: .now())
        context.read()
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head(var head):
            // "My request's body will not be read" is said by a reset here.
            if head.headerFields[.connection] == "close" { resetsAfterAnswer = true }
            for name in Self.connectionHeaders { head.headerFields[name] = nil }
            context.write(wrapOutboundOut(.head(head)), promise: promise)
        case .body:
            let sent = promise ?? context.eventLoop.makePromise(of: Void.self)
            if waitingPieces == 0 { waitingSince = .now() }
            waitingPieces += 1
            let box = NIOLoopBound(self, eventLoop: context.eventLoop)
            sent.futureResult.whenComplete { _ in
                box.value.waitingPieces -= 1
                box.value.waitingSince = .now()
            }
            context.write(data, promise: sent)
        case .end:
            context.write(data, promise: promise)
            rule.answerEnded(at: .now())
            guard resetsAfterAnswer, rule.isReadingBody else { return }
            context.flush()
            context.triggerUserOutboundEvent(NIOHTTP2FramePayloadToHTTPEvent.reset(code: .noError), promise: nil)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        // A body that broke off must not look like one that has ended.
        if rule.isReadingBody {
            context.fireErrorCaught(RegistryError(.invalidRequest, "The request's body broke off."))
        }
        context.fireChannelInactive()
    }

    private func look(_ context: ChannelHandlerContext) {
        let now = NIODeadline.now()
        if let cut = rule.verdict(at: now) {
            traffic.cut(cut)
            context.close(promise: nil)
        } else if waitingPieces > 0, now - waitingSince >= patienceTime {
            traffic.cut(.stalledReader)
            context.close(promise: nil)
        }
    }
}
