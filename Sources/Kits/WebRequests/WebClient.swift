import Foundation

/// An HTTP client: one address policy, one idea of whom to trust, one pool of connections, one thread.
///
/// Make one for each kind of traffic and keep it: what a guarded client connects to is never shared with another.
/// Speaks HTTP/1.1 and HTTP/2. Operator traffic (``AddressPolicy/any``) honours the proxy variables of the
/// environment, guarded traffic never does. All methods throw ``WebError``, or `CancellationError` when the calling
/// task is cancelled, which ends the transfer.
package final class WebClient: Sendable {
    private let addresses: AddressPolicy
    private let trust: TLSTrust
    private let userAgent: String
    private let loop = TransferLoop()

    /// A client for hosts that `addresses` allows. There is no default: who asks must have thought about it.
    package init(addresses: AddressPolicy, trust: TLSTrust = .system, userAgent: String = "web-requests/1") {
        self.addresses = addresses
        self.trust = trust
        self.userAgent = userAgent
    }

    /// Performs `request` and reads the whole answer, whatever its status.
    package func send(_ request: WebRequest) async throws -> WebResponse {
        try await stream(request).whole()
    }

    /// Performs `request` and answers as soon as the head is there; the body is read at the caller's pace.
    package func stream(_ request: WebRequest) async throws -> StreamedWebResponse {
        let deadline = request.timeouts.total.map { ContinuousClock.now + $0 }
        var plan = try self.plan(request)
        var hops = 0
        while true {
            if let deadline {
                let left = deadline - .now
                guard left > .zero else { throw WebError.timedOut(host: plan.url.host, during: .transferring) }
                plan.timeouts.total = left
            }
            let answer = try await perform(plan, request.body)
            guard case .follow(let limit) = request.redirects,
                let next = try RedirectRule.next(after: answer.head, of: plan)
            else { return answer }
            hops += 1
            if hops > limit { throw WebError.tooManyRedirects(limit: limit) }
            try judge(next.url)
            plan = next
        }
    }

    /// Writes a successful answer's body to `path`, which is replaced, and answers with an empty body.
    ///
    /// Any other status leaves the file alone and answers with the body. A transfer that breaks leaves no file.
    package func download(_ request: WebRequest, to path: String) async throws -> WebResponse {
        let answer = try await stream(request)
        guard answer.head.isSuccess else { return try await answer.whole() }
        let file = try DownloadFile(path: path)
        do {
            for try await chunk in answer.body { try await file.write(chunk) }
            try await file.finish()
        } catch {
            await file.discard()
            throw error
        }
        return WebResponse(head: answer.head, body: [])
    }

    private func perform(_ plan: TransferPlan, _ body: WebRequest.Body) async throws -> StreamedWebResponse {
        let exchange = loop.start(plan)
        // Ends the transfer on every way out but the good one.
        let streamed = WebBody(exchange: exchange, loop: loop)
        if case .stream(let length, let chunks) = body, case .stream = plan.body {
            exchange.feed(chunks, length: length)
        }
        return StreamedWebResponse(head: try await exchange.head(), body: streamed)
    }

    private func plan(_ request: WebRequest) throws(WebError) -> TransferPlan {
        var request = request
        let url = try WebURL(request.url)
        try judge(url)
        if let credentials = url.credentials, request.headers["Authorization"] == nil {
            request.authorize(user: credentials.user, password: credentials.password)
        }
        if let problem = request.headers.problem { throw .invalidRequest(problem) }
        for name in ["Content-Length", "Transfer-Encoding", "Host"] where request.headers[name] != nil {
            throw .invalidRequest("\(name) follows from the request and can't be set.")
        }
        return TransferPlan(
            url: url, method: request.method, headers: request.headers, body: try body(request.body),
            timeouts: request.timeouts, maximumBodyBytes: request.maximumBodyBytes, addresses: addresses,
            trust: try TransferPlan.Trust(trust), userAgent: userAgent)
    }

    /// The friendly, early answer; the loop judges the address that is really connected to.
    private func judge(_ url: WebURL) throws(WebError) {
        if url.scheme == "http", trust.plainText == .refused {
            throw .refused(host: url.host, reason: "only https is allowed")
        }
        if addresses.refusesLiterally(url.host) {
            throw .refused(host: url.host, reason: "it is not an address of the public internet")
        }
    }

    private func body(_ body: WebRequest.Body) throws(WebError) -> TransferPlan.Body {
        switch body {
        case .none: return .none
        case .bytes(let bytes): return .bytes(bytes)
        case .stream(let length, _): return .stream(length: length)
        case .file(let path):
            let attributes: [FileAttributeKey: Any]
            do { attributes = try FileManager.default.attributesOfItem(atPath: path) } catch {
                throw .invalidRequest("The file \(path) can't be read.")
            }
            guard let size = attributes[.size] as? NSNumber else { throw .invalidRequest("\(path) has no size.") }
            return .file(path: path, size: size.intValue)
        }
    }
}
