import Domain
import HTTPTypes
import Hummingbird
import NIOCore
import OCI
import RegistryCore

/// `/v2/<name>/manifests/<reference>`, by tag or digest.
enum ManifestRoutes {
    /// How many tags one PUT by digest may name. Source: OCI distribution, draft of the next version.
    private static let maximumTags = 100

    static func respond(to request: V2Request, _ name: RepositoryName, _ text: String) async throws -> Response {
        let reference = try reference(text)
        switch request.method {
        case .get, .head: return try await get(request, name, reference)
        case .put: return try await put(request, name, reference)
        case .delete:
            let access = try await request.access(name, .write)
            try await request.services.manifests.delete(reference, in: access, ip: request.ip)
            return Response(status: .accepted)
        default: throw V2Routes.wrongMethod
        }
    }

    private static func get(
        _ request: V2Request, _ name: RepositoryName, _ reference: ManifestReference
    ) async throws -> Response {
        let (manifest, access) = try await request.services.manifests.manifest(reference, of: name, for: request.caller)
        let etag = "\"\(manifest.digest)\""
        let headers: HTTPFields = [
            .contentType: manifest.mediaType, .eTag: etag, .dockerContentDigest: manifest.digest.text,
        ]
        if EntityTag.matches(request.request.headers[.ifNoneMatch], etag) {
            return Response(status: .notModified, headers: headers)
        }
        // A look is no pull.
        if request.method == .get {
            try request.services.pullLog.record(
                reference, in: access, ip: request.ip, userAgent: request.request.headers[.userAgent])
        }
        return Response(
            status: .ok, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: manifest.body)))
    }

    private static func put(
        _ request: V2Request, _ name: RepositoryName, _ reference: ManifestReference
    ) async throws -> Response {
        let access = try await request.access(name, .write)
        let tags = try tags(request.query.all("tag"))
        guard try request.contentLength() ?? 0 <= Int64(Manifest.maximumBytes) else { throw tooLarge }
        let body: ByteBuffer
        do { body = try await request.body.collect(upTo: Manifest.maximumBytes) } catch is NIOTooManyBytesError {
            throw tooLarge
        }
        let stored = try await request.services.manifests.put(
            Array(body.readableBytesView), contentType: request.request.headers[.contentType], reference: reference,
            tags: tags, in: access, ip: request.ip)
        var headers: HTTPFields = [
            .location: V2Request.location(name, "manifests/\(stored.digest)"), .dockerContentDigest: stored.digest.text,
        ]
        for tag in tags { headers.append(HTTPField(name: .ociTag, value: tag.text)) }
        if let subject = try Manifest(stored.body, declared: MediaType(stored.mediaType)).subject {
            headers[.ociSubject] = subject.digest.text
        }
        if let warning = try await request.services.quotaMeter.warning(in: access) {
            headers[.warning] = "299 - \"\(warning)\""
        }
        return Response(status: .created, headers: headers)
    }

    private static var tooLarge: RegistryError {
        RegistryError(.tooLarge, "A manifest may have at most \(Manifest.maximumBytes) bytes.")
    }

    private static func tags(_ texts: [String]) throws -> [TagName] {
        guard texts.count <= maximumTags else {
            throw RegistryError(.addressTooLong, "At most \(maximumTags) tags may be named at once.")
        }
        return try texts.map(tag)
    }

    private static func tag(_ text: String) throws -> TagName {
        do { return try TagName(text) } catch {
            throw RegistryError(.tagInvalid, error.message, details: ["tag": text])
        }
    }

    private static func reference(_ text: String) throws -> ManifestReference {
        guard text.contains(":") else { return .tag(try tag(text)) }
        do { return .digest(try Digest(text)) } catch {
            throw RegistryError(.digestInvalid, error.message, details: ["digest": text])
        }
    }
}
