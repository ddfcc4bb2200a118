import Domain
import Foundation
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import RegistryCore
import SQL

/// Renders every error of `/v2` as the distribution specification has it: `{"errors":[{code,message,detail}]}`.
enum V2Error {
    /// How a kind shows: its code and its status. Source: OCI distribution 1.1, error codes; Quay, status codes.
    struct Presentation: Sendable, Hashable {
        let code: String
        let status: Int
    }

    static func presentation(of kind: RegistryError.Kind) -> Presentation {
        switch kind {
        case .unauthenticated, .badCredentials, .expiredToken, .forbidden: .init(code: "UNAUTHORIZED", status: 401)
        case .denied: .init(code: "DENIED", status: 403)
        case .readOnly: .init(code: "DENIED", status: 405)
        case .nameInvalid: .init(code: "NAME_INVALID", status: 400)
        case .nameUnknown, .notFound: .init(code: "NAME_UNKNOWN", status: 404)
        case .tagInvalid: .init(code: "TAG_INVALID", status: 400)
        case .tagExpired: .init(code: "TAG_EXPIRED", status: 404)
        case .tagImmutable: .init(code: "TAG_IMMUTABLE", status: 409)
        case .digestInvalid: .init(code: "DIGEST_INVALID", status: 400)
        case .sizeInvalid: .init(code: "SIZE_INVALID", status: 400)
        case .tooLarge: .init(code: "SIZE_INVALID", status: 413)
        case .blobUnknown: .init(code: "BLOB_UNKNOWN", status: 404)
        case .blobUploadUnknown: .init(code: "BLOB_UPLOAD_UNKNOWN", status: 404)
        case .blobUploadInvalid: .init(code: "BLOB_UPLOAD_INVALID", status: 400)
        case .rangeInvalid: .init(code: "BLOB_UPLOAD_INVALID", status: 416)
        case .conflict: .init(code: "BLOB_UPLOAD_INVALID", status: 409)
        case .manifestUnknown: .init(code: "MANIFEST_UNKNOWN", status: 404)
        case .manifestInvalid: .init(code: "MANIFEST_INVALID", status: 400)
        case .manifestBlobUnknown: .init(code: "MANIFEST_BLOB_UNKNOWN", status: 400)
        case .unsupported: .init(code: "UNSUPPORTED", status: 405)
        case .addressTooLong: .init(code: "INVALID_REQUEST", status: 414)
        case .throttled: .init(code: "TOOMANYREQUESTS", status: 429)
        case .invalidRequest: .init(code: "INVALID_REQUEST", status: 400)
        case .storageFull: .init(code: "UNAVAILABLE", status: 507)
        case .unavailable: .init(code: "UNAVAILABLE", status: 503)
        default: .init(code: "UNKNOWN", status: 500)
        }
    }

    /// The response to `error`; one that is not ours, or means that we failed, is logged here, once.
    static func response(_ error: any Error, logger: Logger) -> Response {
        let known = registryError(error)
        // A path that this API doesn't have is not found, whatever the method.
        let shown =
            error as? V2Path.Malformed == .unknown
            ? Presentation(code: "UNSUPPORTED", status: 404) : presentation(of: known.kind)
        if shown.status >= 500 { FailureLog.write(known, to: logger) }
        let message = shown.status == 500 ? "The registry has failed: its log says why." : known.message
        var headers: HTTPFields = [.contentType: "application/json"]
        if known.kind == .throttled { headers[.retryAfter] = known.details["retry_after"] ?? "10" }
        let body = Body(errors: [.init(code: shown.code, message: message, detail: known.details)])
        return Response(
            status: HTTPResponse.Status(code: shown.status), headers: headers,
            body: ResponseBody(byteBuffer: V2JSON.buffer(body, logger: logger)))
    }

    private struct Body: Encodable {
        struct Entry: Encodable {
            let code: String
            let message: String
            let detail: [String: String]
        }
        let errors: [Entry]
    }

    private static func registryError(_ error: any Error) -> RegistryError {
        switch error {
        case let error as RegistryError: error
        case let error as DatabaseError: RegistryError(error)
        case is NIOTooManyBytesError: RegistryError(.tooLarge, "The request's body is too large.")
        case V2Path.Malformed.unknown: RegistryError(.unsupported, "There is no such path in this API.")
        case V2Path.Malformed.name(let text):
            RegistryError(.nameInvalid, RepositoryName.Malformed(text: text).message, details: ["name": text])
        case V2Path.Malformed.digest(let text):
            RegistryError(
                .digestInvalid, "A digest must be sha256 or sha512 with lower-case hex.", details: ["digest": text])
        case let error as MissingScope:
            RegistryError(
                .forbidden, "The token does not name the repository \(error.repository).",
                details: ["name": error.repository.text])
        case is CancellationError: RegistryError(.unavailable, "The registry is shutting down.")
        default: RegistryError(.internalError, "Unexpected error", cause: error)
        }
    }
}

/// Small JSON bodies of `/v2`.
enum V2JSON {
    static func buffer(_ value: some Encodable, logger: Logger) -> ByteBuffer {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do { return ByteBuffer(bytes: try encoder.encode(value)) } catch {
            logger.error("A response could not be written as JSON: \(error)")
            return ByteBuffer(string: "{}")
        }
    }
}
