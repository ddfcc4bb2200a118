import NIOCore

/// When a connection has waited long enough for its client: told what happens, asked now and then. Pure.
///
/// Only waiting for the client counts: a body that comes slowly because the registry's disk is slow is never too slow.
struct PaceRule: Sendable {
    /// Why a connection is cut.
    enum Cut: String, Sendable, Hashable, CaseIterable {
        /// No new request came.
        case idle
        /// The head of a request did not end, or the first one did not begin.
        case slowHead = "slow_head"
        /// The body of a request came too slowly.
        case slowBody = "slow_body"
        /// The client took nothing of an answer.
        case stalledReader = "stalled_reader"
    }

    private enum Phase: Hashable {
        case resting(since: NIODeadline)
        case head(since: NIODeadline)
        case request
    }

    private struct Body: Hashable {
        var windowStart: NIODeadline
        var bytes = 0
        var waited: TimeAmount = .zero
        var waitingSince: NIODeadline?
    }

    private let limits: ConnectionLimits
    private var phase: Phase
    private var body: Body?
    /// Requests whose answer has not ended.
    private(set) var openRequests = 0
    /// Whether a part of a head has come.
    private(set) var hasBegunHead = false

    init(limits: ConnectionLimits, openedAt now: NIODeadline) {
        self.limits = limits
        phase = .head(since: now)
    }

    /// Whether a request's body has not ended.
    var isReadingBody: Bool { body != nil }

    mutating func bytesCame(at now: NIODeadline) {
        switch phase {
        case .resting: phase = .head(since: now)
        case .head, .request: break
        }
        if phase != .request { hasBegunHead = true }
    }

    mutating func headCame(at now: NIODeadline) {
        openRequests += 1
        hasBegunHead = false
        phase = .request
        body = Body(windowStart: now)
    }

    /// The server wants more of the body and has nothing to do before it comes.
    mutating func wantsBody(at now: NIODeadline) {
        guard body != nil, body?.waitingSince == nil else { return }
        body?.waitingSince = now
    }

    mutating func bodyCame(_ bytes: Int, at now: NIODeadline) {
        guard var body else { return }
        if let since = body.waitingSince { body.waited = body.waited + (now - since) }
        body.waitingSince = nil
        body.bytes += bytes
        self.body = body
    }

    mutating func requestEnded(at now: NIODeadline) {
        body = nil
        if openRequests == 0 { phase = .resting(since: now) }
    }

    mutating func answerEnded(at now: NIODeadline) {
        openRequests -= 1
        if openRequests == 0, body == nil { phase = .resting(since: now) }
    }

    /// Whether to cut the connection now.
    mutating func verdict(at now: NIODeadline) -> Cut? {
        switch phase {
        case .resting(let since): return now - since >= limits.idle ? .idle : nil
        case .head(let since): return now - since >= limits.header ? .slowHead : nil
        case .request:
            guard var body else { return nil }
            if let since = body.waitingSince {
                body.waited = body.waited + (now - since)
                body.waitingSince = now
            }
            self.body = body
            guard now - body.windowStart >= limits.body else { return nil }
            let seconds = Double(body.waited.nanoseconds) / 1e9
            // Short waits say nothing about the client.
            let isSlow =
                body.waited.nanoseconds >= limits.body.nanoseconds / 2
                && Double(body.bytes) < Double(limits.bodyRate) * seconds
            self.body = Body(windowStart: now, waitingSince: body.waitingSince)
            return isSlow ? .slowBody : nil
        }
    }
}
