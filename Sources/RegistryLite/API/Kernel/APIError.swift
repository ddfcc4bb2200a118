import Domain
import Foundation
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import RegistryCore
import SQL

/// Renders every error of `/api/v1` in the one shape that clients know.
///
/// `detail`, `error_message` and `message` repeat the sentence, `title` and `error_type` the short type: older clients
/// read one, newer ones the other. Source: Quay, error JSON.
enum APIError {
    /// How a kind shows: its short type and its status.
    struct Presentation: Sendable, Hashable {
        let type: String
        let status: Int
    }

    /// The short types, with what `/api/v1/error/{type}` says about each.
    static let descriptions: [String: (title: String, description: String)] = [
        "invalid_token": ("invalid_token", "The request came without a credential, or with one that is not valid."),
        "expired_token": ("expired_token", "The access token has expired: ask for a new one."),
        "fresh_login_required": ("fresh_login_required", "The password must have been given a short time ago."),
        "insufficient_scope": ("insufficient_scope", "The caller or the token has not the right to do this."),
        "invalid_request": ("invalid_request", "The request or one of its values is not valid."),
        "invalid_response": ("invalid_response", "Another service gave an answer that makes no sense."),
        "not_found": ("not_found", "The thing that was asked for does not exist."),
        "tag_immutable": ("tag_immutable", "The tag is protected: it can't be moved, deleted or let expire."),
        "exceeds_license": ("exceeds_license", "A limit of this registry has been reached."),
        "external_service_timeout": ("external_service_timeout", "Another service did not answer in time."),
        "downstream_issue": ("downstream_issue", "Another service that is needed has failed."),
        "too_large": ("too_large", "The request is larger than this registry allows."),
        "read_only": ("read_only", "The repository or the registry takes no changes now."),
        "throttled": ("throttled", "Too many requests: wait before the next."),
        "unavailable": ("unavailable", "The registry can't do this now."),
        "internal_error": ("internal_error", "The registry has failed: its log says why."),
    ]

    static func presentation(of kind: RegistryError.Kind) -> Presentation {
        switch kind {
        case .unauthenticated, .badCredentials: Presentation(type: "invalid_token", status: 401)
        case .expiredToken: Presentation(type: "expired_token", status: 401)
        case .freshLoginRequired: Presentation(type: "fresh_login_required", status: 401)
        case .forbidden, .denied: Presentation(type: "insufficient_scope", status: 403)
        case .notFound, .nameUnknown, .tagExpired, .manifestUnknown, .blobUnknown, .blobUploadUnknown:
            Presentation(type: "not_found", status: 404)
        case .tagImmutable: Presentation(type: "tag_immutable", status: 409)
        case .throttled: Presentation(type: "throttled", status: 429)
        case .tooLarge: Presentation(type: "too_large", status: 413)
        case .readOnly: Presentation(type: "read_only", status: 503)
        case .unavailable: Presentation(type: "unavailable", status: 503)
        case .storageFull: Presentation(type: "unavailable", status: 507)
        case .internalError: Presentation(type: "internal_error", status: 500)
        default: Presentation(type: "invalid_request", status: 400)
        }
    }

    /// The response to `error`. An error that is not ours, or means that we failed, is logged here, once.
    static func response(_ error: any Error, urls: URLs, logger: Logger) -> Response {
        let known = registryError(error)
        let shown = presentation(of: known.kind)
        if shown.status >= 500 { FailureLog.write(known, to: logger) }
        if known.kind == .throttled, let wait = known.details["retry_after"] {
            return Response(
                status: .tooManyRequests, headers: [.retryAfter: wait, .contentType: "text/plain; charset=utf-8"],
                body: ResponseBody(byteBuffer: ByteBuffer(string: known.message)))
        }
        let message = known.kind == .internalError ? "The registry has failed: its log says why." : known.message
        let body: JSONValue = [
            "detail": .string(message), "error_message": .string(message), "message": .string(message),
            "error_type": .string(shown.type), "title": .string(shown.type),
            "type": .string(urls.api("error/\(shown.type)")), "status": .integer(Int64(shown.status)),
        ]
        return JSONReply.response(
            body.merging(payload(known)), status: HTTPResponse.Status(code: shown.status), headers: [:], logger: logger)
    }

    /// The shape of errors that come before a route: `{"error": …}`. Source: Quay, generic abort.
    static func plain(_ message: String, status: HTTPResponse.Status, logger: Logger) -> Response {
        JSONReply.response(["error": .string(message)], status: status, headers: [:], logger: logger)
    }

    private static func registryError(_ error: any Error) -> RegistryError {
        switch error {
        case let error as RegistryError: error
        case let error as DatabaseError: RegistryError(error)
        case let error as HTTPError where error.status == .contentTooLarge:
            RegistryError(.tooLarge, "The request's body is too large.")
        case is NIOTooManyBytesError: RegistryError(.tooLarge, "The request's body is too large.")
        case let error as any MalformedName: RegistryError(.invalidRequest, error.message)
        default: RegistryError(.internalError, "Unexpected error", cause: error)
        }
    }

    private static func payload(_ error: RegistryError) -> [String: JSONValue] {
        var payload = error.details.mapValues(JSONValue.string)
        // Booleans travel in details as words.
        for (key, value) in payload where value == "true" || value == "false" { payload[key] = .bool(value == "true") }
        if error.kind == .readOnly { payload["is_readonly"] = true }
        return payload
    }
}

/// The parse errors of names, whose sentences may be shown to whoever sent the name.
protocol MalformedName: Error { var message: String { get } }
extension Username.Malformed: MalformedName {}
extension RepositoryName.Malformed: MalformedName {}
extension RobotName.Malformed: MalformedName {}
extension TagName.Malformed: MalformedName {}
