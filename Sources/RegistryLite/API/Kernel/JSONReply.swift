import Foundation
import HTTPTypes
import Hummingbird
import Logging
import NIOCore

/// What a route answers: a status, a JSON value and a few headers.
struct JSONReply: Sendable {
    var status: Int?
    var body: JSONValue?
    var headers: HTTPFields = [:]

    /// A value with the route's own status.
    init(_ body: JSONValue, headers: HTTPFields = [:]) {
        self.body = body
        self.headers = headers
    }

    init(status: Int, _ body: JSONValue?, headers: HTTPFields = [:]) {
        self.status = status
        self.body = body
        self.headers = headers
    }

    /// Nothing to say: the body is empty.
    static let empty = JSONReply(status: 204, nil)

    static func response(
        _ body: JSONValue?, status: HTTPResponse.Status, headers: HTTPFields, logger: Logger
    ) -> Response {
        var headers = headers
        guard let body else { return Response(status: status, headers: headers) }
        headers[.contentType] = "application/json"
        headers[.cacheControl] = headers[.cacheControl] ?? "no-store"
        do {
            return Response(
                status: status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: try body.encoded())))
        } catch {
            logger.error("A reply could not be encoded: \(error)")
            return Response(status: .internalServerError)
        }
    }
}
