import Domain
import HTTPTypes
import Hummingbird
import OCI
import RegistryCore

/// `GET /v2/<name>/referrers/<digest>`: an index of the manifests whose subject is that digest.
enum ReferrersRoutes {
    private struct Index: Encodable {
        struct Entry: Encodable {
            let mediaType: String
            let digest: String
            let size: Int64
            let artifactType: String?
            let annotations: [String: String]?
        }
        let schemaVersion = 2
        let mediaType = MediaType.ociIndex.text
        let manifests: [Entry]
    }

    static func respond(to request: V2Request, _ name: RepositoryName, _ subject: Digest) async throws -> Response {
        // A media type has no blanks: one that came is a plus sign that was not encoded.
        let artifactType = request.query["artifactType"]?.replacing(" ", with: "+")
        let asked = try V2Page(request.query)
        let last = try asked.last.map(digest)
        let page: ReferrersService.Page
        do {
            let access = try await request.access(name, .read)
            page =
                asked.limit == 0
                ? ReferrersService.Page(referrers: [], next: nil)
                : try await request.services.referrers.list(
                    subject, artifactType: artifactType, after: last, limit: asked.limit, in: access)
        } catch let error as RegistryError where error.kind == .nameUnknown {
            // Whoever may know that there is no such repository learns that nothing is attached there: a client that
            // is answered 404 would believe that this registry has no referrers at all.
            page = ReferrersService.Page(referrers: [], next: nil)
        }
        var headers: HTTPFields = [.contentType: MediaType.ociIndex.text]
        if artifactType != nil { headers[.ociFiltersApplied] = "artifactType" }
        if let next = page.next {
            let rest = artifactType.map { "&artifactType=\(encoded($0))" } ?? ""
            headers[.link] = asked.next(V2Request.location(name, "referrers/\(subject)"), last: next.text, rest: rest)
        }
        let body = Index(
            manifests: page.referrers.map {
                Index.Entry(
                    mediaType: $0.mediaType, digest: $0.digest.text, size: $0.sizeBytes, artifactType: $0.artifactType,
                    annotations: $0.annotations.isEmpty ? nil : $0.annotations)
            })
        return Response(
            status: .ok, headers: headers,
            body: ResponseBody(byteBuffer: V2JSON.buffer(body, logger: request.context.logger)))
    }

    private static func digest(_ text: String) throws -> Digest {
        do { return try Digest(text) } catch {
            throw RegistryError(.digestInvalid, error.message, details: ["digest": text])
        }
    }

    /// As a value in a query: everything but letters, digits and `-._~/` by its bytes.
    private static func encoded(_ text: String) -> String {
        text.utf8.map { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"), UInt8(ascii: "/"):
                String(decoding: [byte], as: UTF8.self)
            default:
                "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
            }
        }.joined()
    }
}
