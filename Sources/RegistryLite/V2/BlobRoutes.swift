import Domain
import HTTPTypes
import Hummingbird
import NIOCore
import OCI
import ObjectStorage
import RegistryCore

/// `/v2/<name>/blobs/<digest>`: sends stored bytes to whoever may read the repository.
enum BlobRoutes {
    static func respond(to request: V2Request, _ name: RepositoryName, _ digest: Digest) async throws -> Response {
        switch request.method {
        case .get, .head: return try await get(request, name, digest)
        case .delete:
            let access = try await request.access(name, .write)
            try await request.services.blobRemoval.delete(digest, in: access)
            return Response(status: .accepted)
        default: throw V2Routes.wrongMethod
        }
    }

    private static func get(_ request: V2Request, _ name: RepositoryName, _ digest: Digest) async throws -> Response {
        let reader = request.services.blobs
        let (blob, _) = try await reader.find(digest, of: name, for: request.caller)
        let content = try await reader.content(of: blob)
        let etag = "\"\(digest)\""
        var headers: HTTPFields = [
            .contentType: "application/octet-stream", .eTag: etag, .acceptRanges: "bytes",
            .cacheControl: "private, max-age=31536000, immutable", .dockerContentDigest: digest.text,
        ]
        let fields = request.request.headers
        if EntityTag.matches(fields[.ifNoneMatch], etag) { return Response(status: .notModified, headers: headers) }
        let asked = request.method == .get ? fields[.range] : nil
        let range: Range<Int64>
        let status: HTTPResponse.Status
        switch ByteRange(asked, size: blob.sizeBytes, etag: etag, ifRange: fields[.ifRange]) {
        case .whole: (range, status) = (0..<blob.sizeBytes, .ok)
        case .part(let part):
            (range, status) = (part, .partialContent)
            headers[.contentRange] = "bytes \(part.lowerBound)-\(part.upperBound - 1)/\(blob.sizeBytes)"
        case .unsatisfiable:
            headers[.contentRange] = "bytes */\(blob.sizeBytes)"
            headers[.contentType] = nil
            return Response(status: .rangeNotSatisfiable, headers: headers)
        }
        if request.method == .get, !range.isEmpty, let address = try await reader.directAddress(of: content) {
            // The address is a secret for a while: nobody may keep this answer. The client sends its Range there.
            return Response(
                status: .temporaryRedirect,
                headers: [.location: address, .cacheControl: "private, no-store", .dockerContentDigest: digest.text])
        }
        return Response(
            status: status, headers: headers,
            body: ObjectBody.body(of: content, range: range, channel: request.context.channel))
    }
}

/// Header names of the distribution API that HTTPTypes doesn't have.
extension HTTPField.Name {
    static let dockerContentDigest = known("Docker-Content-Digest")
    static let dockerUploadUUID = known("Docker-Upload-UUID")
    static let dockerDistributionVersion = known("Docker-Distribution-API-Version")
    static let link = known("Link")
    static let ociFiltersApplied = known("OCI-Filters-Applied")
    static let ociSubject = known("OCI-Subject")
    static let ociTag = known("OCI-Tag")
    static let warning = known("Warning")

    private static func known(_ name: StaticString) -> HTTPField.Name {
        guard let name = HTTPField.Name(name.description) else { preconditionFailure("\(name) is no header name") }
        return name
    }
}
