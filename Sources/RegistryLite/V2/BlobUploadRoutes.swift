import Domain
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import OCI
import RegistryCore

/// `/v2/<name>/blobs/uploads/…`: takes blobs in one request, in pieces, or from another repository.
enum BlobUploadRoutes {
    /// `POST …/blobs/uploads/`: begins an upload; with `mount` or `digest` it may end it at once.
    static func begin(_ request: V2Request, _ name: RepositoryName) async throws -> Response {
        let access = try await request.access(name, .write)
        let uploads = request.services.blobUploads
        if let text = request.query["mount"] {
            let digest = try digest(text)
            if let blob = try await mount(digest, request, access) { return stored(blob, name) }
        } else if let text = request.query["digest"] {
            let digest = try digest(text)
            let upload = try await uploads.begin(by: digest.algorithm, in: access)
            do {
                let blob = try await uploads.finish(
                    upload.uuid, with: request.chunks, announced: try request.contentLength(), digest: digest,
                    in: access)
                return stored(blob, name)
            } catch {
                // The client never learns where the upload is: nobody could go on with it.
                do { try await uploads.cancel(upload.uuid, in: access) } catch let known as RegistryError
                    where known.kind == .blobUploadUnknown
                {
                    request.context.logger.debug("The upload \(upload.uuid) has ended already.")
                }
                throw error
            }
        }
        var algorithm = Digest.Algorithm.sha256
        if let text = request.query["digest-algorithm"] {
            guard let named = Digest.Algorithm(rawValue: text) else {
                throw RegistryError(
                    .digestInvalid, "The digest algorithm is not supported.", details: ["algorithm": text])
            }
            algorithm = named
        }
        return progress(try await uploads.begin(by: algorithm, in: access), name, .accepted)
    }

    /// `GET`, `PATCH`, `PUT` and `DELETE` of one upload.
    static func respond(to request: V2Request, _ name: RepositoryName, _ uuid: String) async throws -> Response {
        let access = try await request.access(name, .write)
        guard uuid.utf8.count <= 64, uuid.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw RegistryError(.blobUploadUnknown, "There is no such upload here.")
        }
        let uploads = request.services.blobUploads
        switch request.method {
        case .get, .head: return progress(try await uploads.status(uuid, in: access), name, .noContent)
        case .patch:
            return try await locating(uuid, name) {
                let status = try await uploads.append(
                    request.chunks, to: uuid, as: try piece(request), announced: try request.contentLength(), in: access
                )
                return progress(status, name, .accepted)
            }
        case .put:
            guard let text = request.query["digest"] else {
                throw RegistryError(.digestInvalid, "The parameter digest is missing.")
            }
            let digest = try digest(text)
            return try await locating(uuid, name) {
                let blob = try await uploads.finish(
                    uuid, with: request.chunks, as: try piece(request), announced: try request.contentLength(),
                    digest: digest, in: access)
                return stored(blob, name)
            }
        case .delete:
            try await uploads.cancel(uuid, in: access)
            return Response(status: .noContent)
        default: throw V2Routes.wrongMethod
        }
    }

    /// A source that the caller may not read counts as one that doesn't have the blob. Where only the token's scopes stand
    /// in the way, the client is sent for another token.
    private static func mount(
        _ digest: Digest, _ request: V2Request, _ access: RepositoryAccess
    ) async throws -> Blob? {
        let uploads = request.services.blobUploads
        var named: RepositoryName?
        var source: RepositoryAccess?
        if let text = request.query["from"], !text.isEmpty {
            do {
                let name = try RepositoryName(text, library: request.services.site.library)
                named = name
                source = try await request.access(name, .read)
            } catch is RepositoryName.Malformed {
                return nil
            } catch let error as RegistryError
                where [.forbidden, .unauthenticated, .nameUnknown, .notFound].contains(error.kind)
            {
                source = nil
            }
        }
        if named == nil || source != nil, let blob = try await uploads.mount(digest, from: source, in: access) {
            return blob
        }
        if let hidden = try await uploads.hiddenSource(of: digest, from: named, in: access) {
            throw MissingScope(repository: hidden)
        }
        return nil
    }

    /// Answers 416 with what a client needs to go on: where the upload is, and how much of it is stored.
    private static func locating(
        _ uuid: String, _ name: RepositoryName, _ body: () async throws -> Response
    ) async throws -> Response {
        do { return try await body() } catch let error as RegistryError where error.kind == .rangeInvalid {
            return Response(
                status: .rangeNotSatisfiable,
                headers: [
                    .location: V2Request.location(name, "blobs/uploads/\(uuid)"),
                    .range: error.details["range"] ?? "0-0",
                    .dockerUploadUUID: uuid,
                ])
        }
    }

    private static func progress(
        _ status: BlobUploadService.Status, _ name: RepositoryName, _ code: HTTPResponse.Status
    ) -> Response {
        Response(
            status: code,
            headers: [
                .location: V2Request.location(name, "blobs/uploads/\(status.uuid)"), .range: status.progress.range,
                .dockerUploadUUID: status.uuid,
            ])
    }

    private static func stored(_ blob: Blob, _ name: RepositoryName) -> Response {
        Response(
            status: .created,
            headers: [
                .location: V2Request.location(name, "blobs/\(blob.digest)"), .dockerContentDigest: blob.digest.text,
            ])
    }

    private static func digest(_ text: String) throws -> Digest {
        do { return try Digest(text) } catch {
            throw RegistryError(.digestInvalid, error.message, details: ["digest": text])
        }
    }

    private static func piece(_ request: V2Request) throws -> UploadProgress.Piece? {
        guard let text = request.request.headers[.contentRange] else { return nil }
        do { return try UploadProgress.Piece(text) } catch {
            throw RegistryError(.blobUploadInvalid, "The Content-Range must have the form first-last.")
        }
    }
}
