import Domain
import HTTPTypes
import Hummingbird
import NIOCore
import RegistryCore

/// `/repository/{repository}/status`: a small picture of how the newest build went. Source: Quay 1.17.
struct BuildBadge: Sendable {
    let state: BadgeState

    /// The answer to a request that may have the picture already.
    func response(ifNoneMatch known: String?) -> Response {
        // Quay's tag is the bare word; it is taken with and without quotes, and sent as HTTP wants it.
        let tags = (known ?? "").split(separator: ",").map { $0.filter { !" \"".contains($0) } }
        var headers: HTTPFields = [
            .eTag: "\"\(state.rawValue)\"", .cacheControl: "no-cache", .xContentTypeOptions: "nosniff",
        ]
        if tags.contains(state.rawValue) { return Response(status: .notModified, headers: headers) }
        headers[.contentType] = "image/svg+xml"
        headers[.contentSecurityPolicy] = "default-src 'none'; style-src 'unsafe-inline'"
        return Response(status: .ok, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(string: svg)))
    }

    /// Two fields, the left one dark, the right one in the colour of the news; sized by the widths of their words.
    private var svg: String {
        let word = state.rawValue
        let (left, right) = (66, 14 + 7 * word.count)
        return """
            <svg xmlns="http://www.w3.org/2000/svg" width="\(left + right)" height="20" role="img" \
            aria-label="container | \(word)"><title>container | \(word)</title>\
            <rect width="\(left)" height="20" fill="#3c4346"/>\
            <rect x="\(left)" width="\(right)" height="20" fill="\(colour)"/>\
            <g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11" text-anchor="middle">\
            <text x="\(left / 2)" y="14">container</text>\
            <text x="\(left + right / 2)" y="14">\(word)</text></g></svg>

            """
    }

    private var colour: String {
        switch state {
        case .none, .cancelled: "#6b7275"
        case .building: "#0e5863"
        case .ready: "#1f6b3a"
        case .failed: "#a1281d"
        }
    }
}
