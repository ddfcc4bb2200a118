/// Where a redirect leads, and what may be taken along. Source: RFC 9110, sections 15.4 and 17.14.
struct RedirectRule {
    /// Headers that say nothing about who asks. Everything else stays behind when the server changes.
    private static let harmless: Set<String> = [
        "accept", "accept-charset", "accept-encoding", "accept-language", "content-type", "if-match",
        "if-modified-since",
        "if-none-match", "if-range", "if-unmodified-since", "range", "user-agent",
    ]

    /// The next hop, or `nil` when `head` is the answer.
    static func next(after head: WebResponseHead, of plan: TransferPlan) throws(WebError) -> TransferPlan? {
        guard [301, 302, 303, 307, 308].contains(head.status), let location = head.headers["Location"] else {
            return nil
        }
        var next = plan
        next.url = try plan.url.resolving(location)
        if plan.url.scheme == "https", next.url.scheme == "http" {
            throw .refused(host: next.url.host, reason: "it was redirected there from https to http")
        }
        let turnsIntoGet = head.status == 303 ? plan.method != .head : head.status <= 302 && plan.method == .post
        if turnsIntoGet {
            next.method = .get
            next.body = .none
            next.headers["Content-Type"] = nil
        } else if case .stream = plan.body {
            throw .interrupted(host: plan.url.host, reason: "it redirected a body that can't be sent twice")
        }
        if !next.url.hasSameOrigin(as: plan.url) { next.headers = next.headers.keeping(harmless) }
        return next
    }
}
