package import Runtime
import WebRequests

/// Speaks to one bucket of S3, or of a service that speaks S3's protocol.
///
/// Every call may be repeated, and is repeated here, with growing waits, while the service says that it is overloaded or
/// does not answer. All methods throw ``S3Error``, or `CancellationError`.
package struct S3Client: Sendable {
    /// What is known of an object without its bytes.
    package struct Head: Sendable, Hashable {
        package let sizeBytes: Int64
        package let etag: String
    }

    package let endpoint: S3Endpoint
    let credentials: AWSCredentialSource
    let client: WebClient
    let clock: WallClock
    let randomness: Randomness
    let patience: Patience
    private let signer: SigV4Signer

    /// - Parameter authorities: PEM files of certificate authorities that are trusted besides the system's.
    package init(
        _ endpoint: S3Endpoint, credentials: AWSCredentialSource, authorities: [String] = [],
        clock: WallClock = .system, randomness: Randomness = .system, patience: Patience = Patience()
    ) {
        self.endpoint = endpoint
        self.credentials = credentials
        // The operator named the service: it may be anywhere, and behind a proxy.
        client = WebClient(
            addresses: .any,
            trust: authorities.isEmpty
                ? .system : TLSTrust(authorities: .systemAnd(authorities.map { .file(path: $0) })))
        self.clock = clock
        self.randomness = randomness
        self.patience = patience
        signer = SigV4Signer(region: endpoint.region, service: "s3", style: .s3)
    }

    /// Stores an object; answers its entity tag.
    @discardableResult
    package func put(_ bytes: [UInt8], as key: String) async throws -> String {
        let answer = try await send(Call(.put, key, body: bytes, doing: "Storing \(key)"))
        return answer.headers["ETag"] ?? ""
    }

    /// Nil when there is no such object.
    package func head(_ key: String) async throws -> Head? {
        let answer: WebResponse
        do { answer = try await send(Call(.head, key, doing: "Looking at \(key)")) } catch let error as S3Error
            where error.kind == .noSuchKey
        { return nil }
        guard let size = answer.headers["Content-Length"].flatMap({ Int64($0) }) else {
            throw S3Error(.failed, "Looking at \(key): the storage service did not say how large it is.")
        }
        return Head(sizeBytes: size, etag: answer.headers["ETag"] ?? "")
    }

    /// A whole object of at most 64 MiB; nil when there is none.
    package func get(_ key: String) async throws -> [UInt8]? {
        do {
            var call = Call(.get, key, doing: "Reading \(key)")
            call.maximumBodyBytes = 64 << 20
            return try await send(call).body
        } catch let error as S3Error where error.kind == .noSuchKey { return nil }
    }

    /// The bytes of a range that is not empty, as fast as they are read. Nothing is tried again once they flow.
    package func stream(
        _ key: String, range: Range<Int64>
    ) async throws -> AsyncThrowingStream<[UInt8], any Error> {
        var call = Call(.get, key, doing: "Reading \(key)")
        call.headers["Range"] = "bytes=\(range.lowerBound)-\(range.upperBound - 1)"
        let (body, doing) = (try await open(call).body, call.doing)
        return AsyncThrowingStream {
            var iterator = body.makeAsyncIterator()
            do { return try await iterator.next() } catch let error as WebError { throw S3Error(error, doing: doing) }
        }
    }

    /// Removes an object; one that does not exist is none.
    package func delete(_ key: String) async throws {
        do { _ = try await send(Call(.delete, key, doing: "Removing \(key)")) } catch let error as S3Error
            where error.kind == .noSuchKey
        {}
    }

    /// An address at which anybody can GET the object for so long.
    /// - Parameters:
    ///   - contentType: what the answer says that it is; nil for what the object says.
    ///   - contentEncoding: how the answer says that it is packed.
    package func presignedAddress(
        of key: String, lifetime: Duration, contentType: String? = nil, contentEncoding: String? = nil
    ) async throws -> String {
        let path = endpoint.path(of: key)
        let said = [("response-content-type", contentType), ("response-content-encoding", contentEncoding)]
        let query = signer.presignedQuery(
            for: .init(
                "GET", host: endpoint.authority, path: path,
                query: said.compactMap { name, value in value.map { (name: name, value: $0) } }),
            with: try await credentials.current(), at: clock.now, lifetime: lifetime)
        return "\(endpoint.scheme)://\(endpoint.authority)\(SigV4Signer.encoded(path: path))?\(query)"
    }

    /// One request of this kit.
    struct Call: Sendable {
        let method: WebRequest.Method
        let key: String
        var query: [(name: String, value: String)]
        var body: [UInt8]?
        var headers: WebHeaders = [:]
        var maximumBodyBytes: Int?
        /// For messages.
        let doing: String

        init(
            _ method: WebRequest.Method, _ key: String, query: [(name: String, value: String)] = [],
            body: [UInt8]? = nil, doing: String
        ) {
            self.method = method
            self.key = key
            self.query = query
            self.body = body
            self.doing = doing
        }
    }

    func send(_ call: Call) async throws -> WebResponse {
        try await retrying {
            do {
                let answer = try await open(once: call).whole()
                // Some answers begin with 200 and tell of a failure only at the end.
                if call.method == .post, (try? XMLTree(answer.body))?.name == "Error" {
                    throw S3Error(status: 500, body: answer.body, doing: call.doing)
                }
                return answer
            } catch let error as WebError { throw S3Error(error, doing: call.doing) }
        }
    }

    func open(_ call: Call) async throws -> StreamedWebResponse { try await retrying { try await open(once: call) } }

    private func open(once call: Call) async throws -> StreamedWebResponse {
        let path = endpoint.path(of: call.key)
        let query = SigV4Signer.encoded(query: call.query)
        let isSecret = endpoint.scheme == "https"
        let payload: SigV4Signer.Payload =
            isSecret && (call.body?.count ?? 0) > 1 << 20 ? .unsigned : .bytes(call.body ?? [])
        let signed = signer.headers(
            for: SigV4Signer.Request(
                call.method.rawValue, host: endpoint.authority, path: path, query: call.query,
                headers: call.headers.fields.map { ($0.name, $0.value) }, payload: payload),
            with: try await credentials.current(), at: clock.now)
        var request = WebRequest(
            call.method,
            "\(endpoint.scheme)://\(endpoint.authority)\(SigV4Signer.encoded(path: path))"
                + (query.isEmpty ? "" : "?\(query)"), headers: call.headers)
        for field in signed { request.headers.add(field.name, field.value) }
        if let body = call.body { request.body = .bytes(body) }
        // A redirect of S3 leads to another region: the signature would not hold there.
        request.redirects = .none
        request.timeouts = .init(
            total: call.method == .get ? nil : .seconds(300), connect: .seconds(5), idle: .seconds(30))
        request.maximumBodyBytes = call.method == .get ? call.maximumBodyBytes : 16 << 20
        do {
            let answer = try await client.stream(request)
            if answer.head.isSuccess { return answer }
            let body = call.method == .head ? [] : try await answer.whole().body
            throw S3Error(status: answer.status, body: body, doing: call.doing)
        } catch let error as WebError { throw S3Error(error, doing: call.doing) }
    }

    /// Tries again what may well succeed later.
    private func retrying<Value: Sendable>(_ body: () async throws -> Value) async throws -> Value {
        try await patience.retrying(
            clock: clock, randomness: randomness, when: { ($0 as? S3Error)?.kind == .unavailable }, body)
    }
}
