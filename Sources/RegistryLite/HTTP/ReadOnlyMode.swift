import Domain
import HTTPTypes
import Hummingbird
import Logging

/// What is refused while REGISTRY_STATE is `readonly`: every change, on every edge. Pulls and signing in work.
///
/// Source: Quay, read-only mode: 503 with `is_readonly`; on `/v2` 405, so that clients don't try again.
enum ReadOnlyMode {
    static let message =
        "System is currently read-only. Pulls will succeed but all write operations are currently suspended."

    /// What is open although it is no GET: it asks, or changes only the caller's own session.
    private static let open: Set = [
        "/v2/auth", "/signin", "/signout", "/api/v1/signin", "/api/v1/signin/verify", "/api/v1/signout",
    ]

    /// The refusal of a request; nil when it may go on.
    /// - Parameter part: the first segment of the path.
    static func refusal(of request: Request, part: String, logger: Logger) -> Response? {
        guard ![.get, .head, .options].contains(request.method), !open.contains(request.uri.path) else { return nil }
        if part == "v2" {
            var response = V2Error.response(RegistryError(.readOnly, message), logger: logger)
            // The body of a refused push is not read.
            response.headers[.connection] = "close"
            return response
        }
        return JSONReply.response(
            ["message": .string(message), "error_message": .string(message), "is_readonly": true],
            status: .serviceUnavailable, headers: [:], logger: logger)
    }
}
