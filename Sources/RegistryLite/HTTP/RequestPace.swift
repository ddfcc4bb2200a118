import Domain
import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOHTTPTypes
import NIOHTTPTypesHTTP2

/// Watches over the requests of one HTTP/1 connection: cuts clients that only hold it, answers what is no HTTP, and closes
/// it behind an answer that says so, or when the server stops.
///
/// Stands where requests and answers are whole parts; ``RequestBytes`` tells it of the bytes before.
final class RequestPace: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    /// How long a client is listened to after an answer that ended the connection: closing at once, with bytes of the
    /// client on their way, would make its kernel throw that answer away.
    private static let lingering: TimeAmount = .seconds(2)

    private let limits: ConnectionLimits
    private let traffic: Traffic
    private var rule: PaceRule
    private var timer: RepeatedTask?
    /// The connection ends with the answer that is being written.
    private var closesAfterAnswer = false
    /// The server stops: each answer is its connection's last.
    private var isDraining = false
    private var answerIsBegun = false
    /// What still comes is thrown away.
    private(set) var isDiscarding = false
    /// Whether the line with the method and path has ended; what is too long before is a path, after it a header.
    var isPastRequestLine = false

    init(limits: ConnectionLimits, traffic: Traffic) {
        self.limits = limits
        self.traffic = traffic
        rule = PaceRule(limits: limits, openedAt: .now())
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let tick = limits.tick
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

    func bytesCame() { rule.bytesCame(at: .now()) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isDiscarding else { return }
        switch unwrapInboundIn(data) {
        case .head: rule.headCame(at: .now())
        case .body(let bytes): rule.bodyCame(bytes.readableBytes, at: .now())
        case .end:
            rule.requestEnded(at: .now())
            isPastRequestLine = false
        }
        context.fireChannelRead(data)
    }

    func read(context: ChannelHandlerContext) {
        rule.wantsBody(at: .now())
        context.read()
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if isDiscarding { context.read() }
        context.fireChannelReadComplete()
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head(var head) where head.status.kind != .informational:
            answerIsBegun = true
            if isDraining { head.headerFields[.connection] = "close" }
            if head.headerFields[.connection] == "close" { closesAfterAnswer = true }
            context.write(wrapOutboundOut(.head(head)), promise: promise)
        case .head, .body: context.write(data, promise: promise)
        case .end:
            context.write(data, promise: promise)
            answerIsBegun = false
            rule.answerEnded(at: .now())
            if closesAfterAnswer || (isDraining && rule.openRequests == 0) { end(context) }
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case is ChannelShouldQuiesceEvent:
            isDraining = true
            if rule.openRequests == 0 { context.close(promise: nil) }
        case let event as ChannelEvent where event == .inputClosed && isDiscarding: context.close(promise: nil)
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard error is HTTPParserError else {
            context.fireErrorCaught(error)
            return
        }
        guard !isDiscarding else { return }
        if rule.openRequests == 0 {
            answer(Self.status(of: error, isPastRequestLine: isPastRequestLine), context)
            return
        }
        closesAfterAnswer = true
        if rule.isReadingBody { context.fireErrorCaught(Self.brokenBody) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        // A body that broke off must not look like one that has ended.
        if rule.isReadingBody { context.fireErrorCaught(Self.brokenBody) }
        context.fireChannelInactive()
    }

    private static var brokenBody: RegistryError {
        RegistryError(.invalidRequest, "The request's body broke off, or is not HTTP.")
    }

    private static func status(of error: any Error, isPastRequestLine: Bool) -> HTTPResponse.Status {
        guard case HTTPParserError.headerOverflow = error else { return .badRequest }
        return isPastRequestLine ? .requestHeaderFieldsTooLarge : .uriTooLong
    }

    private func look(_ context: ChannelHandlerContext) {
        guard !isDiscarding, let cut = rule.verdict(at: .now()) else { return }
        traffic.cut(cut)
        if cut == .slowHead, rule.hasBegunHead { return answer(.requestTimeout, context) }
        context.close(promise: nil)
    }

    /// Answers in the place of a request that never became one, and ends the connection.
    private func answer(_ status: HTTPResponse.Status, _ context: ChannelHandlerContext) {
        let text = "\(status.code) \(status.reasonPhrase)\n"
        let headers: HTTPFields = [
            .connection: "close", .contentType: "text/plain; charset=utf-8",
            .contentLength: String(text.utf8.count),
        ]
        context.write(
            wrapOutboundOut(.head(HTTPResponse(status: status, headerFields: headers))), promise: nil)
        context.write(wrapOutboundOut(.body(ByteBuffer(string: text))), promise: nil)
        context.write(wrapOutboundOut(.end(nil)), promise: nil)
        context.flush()
        linger(context)
    }

    private func end(_ context: ChannelHandlerContext) {
        context.flush()
        // Nothing is on its way from a client whose request has ended.
        if rule.isReadingBody { linger(context) } else { context.close(promise: nil) }
    }

    private func linger(_ context: ChannelHandlerContext) {
        isDiscarding = true
        let box = NIOLoopBound(context, eventLoop: context.eventLoop)
        context.eventLoop.scheduleTask(in: Self.lingering) { box.value.close(promise: nil) }
        context.close(mode: .output, promise: nil)
        context.read()
    }
}

/// Tells ``RequestPace`` of the bytes that its connection brings, before they are requests.
final class RequestBytes: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private let pace: RequestPace

    init(telling pace: RequestPace) { self.pace = pace }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !pace.isDiscarding else { return }
        pace.bytesCame()
        if !pace.isPastRequestLine {
            pace.isPastRequestLine = unwrapInboundIn(data).readableBytesView.contains(UInt8(ascii: "\n"))
        }
        context.fireChannelRead(data)
    }
}
