import Domain
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import RegistryCore

/// Hands each request to the part of the site that the first segment of its path names, and looks at what comes back:
/// the name that the request gets, its log line, its metrics.
///
/// `/v2/…`, `/api/…` and the pages have little in common: each part matches the rest of the path in its own way.
struct SiteResponder: HTTPResponder {
    typealias Context = AppContext
    typealias Handler = @Sendable (Request, AppContext) async throws -> Response

    /// Answers up to this many bytes count as sent when they are made; of longer ones the end is waited for.
    private static let shortAnswer = 32_768

    /// The parts by the first segment of their paths.
    var parts: [String: Handler]
    /// Everything else: the pages.
    let otherwise: Handler
    var identity = RequestIdentity(proxies: .none)
    var readiness = Readiness()
    /// REGISTRY_STATE is `readonly`.
    var isReadOnly = false
    /// Longer paths with their queries get 414.
    var targetBytes = ConnectionLimits().targetBytes
    /// Told of every request that was answered.
    var report: @Sendable (AnsweredRequest) -> Void = { _ in }

    func respond(to request: Request, context: AppContext) async throws -> Response {
        let start = ContinuousClock.now
        var context = context
        identity.identify(request, in: &context)
        let first = Self.firstSegment(of: request.uri.path)
        let part = parts[first]
        var response = await answer(request, context, part: first, part ?? otherwise)
        let id = context.id
        if let name = RequestIdentity.requestID { response.headers[name] = id }
        if readiness.isDraining { response.headers[.connection] = "close" }
        let answered = AnsweredRequest(
            id: id, method: request.method, route: context.notes.route ?? (part == nil ? "(page)" : "/\(first)"),
            path: first == "v2" ? request.uri.path : nil, caller: context.notes.caller,
            clientAddress: context.clientAddress, status: response.status.code)
        reportEnd(of: answered, start, &response)
        return response
    }

    private func answer(
        _ request: Request, _ context: AppContext, part: String, _ handler: Handler
    ) async -> Response {
        guard (request.head.path?.utf8.count ?? 0) <= targetBytes else { return Self.tooLong() }
        if isReadOnly, let refusal = ReadOnlyMode.refusal(of: request, part: part, logger: context.logger) {
            return refusal
        }
        do {
            return try await handler(request, context)
        } catch {
            // Each part renders its own errors: what arrives here was not foreseen.
            context.logger.error("\(request.method) /\(part) failed: \(error)")
            return Response(status: .internalServerError)
        }
    }

    private static func tooLong() -> Response {
        Response(
            status: .uriTooLong, headers: [.contentType: "text/plain; charset=utf-8"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: "414 URI Too Long\n")))
    }

    private static func firstSegment(of path: String) -> String {
        String(decoding: path.utf8.drop { $0 == UInt8(ascii: "/") }.prefix { $0 != UInt8(ascii: "/") }, as: UTF8.self)
    }

    private func reportEnd(
        of request: AnsweredRequest, _ start: ContinuousClock.Instant, _ response: inout Response
    ) {
        let report = self.report
        let end: @Sendable (Int?) -> Void = { bytes in
            var request = request
            request.sentBytes = bytes
            request.duration = ContinuousClock.now - start
            report(request)
        }
        let body = response.body
        if let length = body.contentLength {
            guard length > Self.shortAnswer else { return end(length) }
            response.body = ResponseBody(contentLength: length) { writer in
                do { try await body.write(writer) } catch {
                    end(nil)
                    throw error
                }
                end(length)
            }
        } else {
            response.body = ResponseBody { writer in
                let counting = CountingWriter(writer)
                do { try await body.write(counting) } catch {
                    end(nil)
                    throw error
                }
                end(counting.bytes)
            }
        }
    }
}
