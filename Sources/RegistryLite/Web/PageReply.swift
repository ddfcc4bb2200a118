import HTTPTypes
import Hummingbird
import NIOCore

/// Makes the HTTP responses of pages, with the headers that all of them carry.
enum PageReply {
    /// Only what this site serves is loaded or run, nothing inline; no other site frames a page or is sent a form.
    static let contentSecurityPolicy =
        "default-src 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'; form-action 'self'"

    /// - Parameter isPersonal: the page shows what only this visitor may see, so no copy of it is kept.
    static func html(_ text: String, status: HTTPResponse.Status = .ok, isPersonal: Bool) -> Response {
        var headers = securityHeaders
        headers[.contentType] = "text/html; charset=utf-8"
        headers[.cacheControl] = isPersonal ? "no-store" : "no-cache"
        headers[.vary] = "Cookie"
        return Response(status: status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }

    /// - Parameter path: a page of this site.
    static func redirect(to path: ReturnPath, headers more: HTTPFields = [:]) -> Response {
        var headers = securityHeaders
        headers[.location] = path.text
        headers[.cacheControl] = "no-store"
        headers.append(contentsOf: more)
        return Response(status: .seeOther, headers: headers)
    }

    static func file(_ answer: StaticFiles.Answer, ifNoneMatch: String?) -> Response {
        var headers = securityHeaders
        headers[.eTag] = answer.file.entityTag
        headers[.cacheControl] = answer.cacheControl
        if let known = ifNoneMatch, matches(known, answer.file.entityTag) {
            return Response(status: .notModified, headers: headers)
        }
        headers[.contentType] = answer.file.contentType
        return Response(
            status: .ok, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: answer.file.bytes)))
    }

    static var securityHeaders: HTTPFields {
        var headers: HTTPFields = [.contentSecurityPolicy: contentSecurityPolicy, .xContentTypeOptions: "nosniff"]
        for (name, value) in [("Referrer-Policy", "same-origin"), ("Cross-Origin-Opener-Policy", "same-origin")] {
            if let name = HTTPField.Name(name) { headers[name] = value }
        }
        return headers
    }

    /// The weak comparison that If-None-Match asks for. Source: RFC 9110, 13.1.2.
    private static func matches(_ header: String, _ tag: String) -> Bool {
        header.split(separator: ",").contains { each in
            let text = each.drop { $0 == " " }
            return text == "*" || text.trimmingPrefix("W/").drop { $0 == " " } == tag
        }
    }
}
