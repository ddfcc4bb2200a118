package import Domain
import Foundation

/// The JSON object of a `LogMessage`: a piece of output, or why the build failed.
///
/// Sent: `{"stream": …}` or `{"error": …, "data": {"error_code": …, "base_error": …}}`. Read: the first of `error`,
/// `status` and `stream` that is a string is the text. Source: Quay 6.6, 13.6.
package enum BuildLogMessage: Sendable, Hashable {
    case output(String)
    case failure(BuildFailure)

    /// Nil when `json` isn't a JSON object. An object without a known key is empty output.
    package init?(json: String) {
        guard let object = try? JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any] else {
            return nil
        }
        if let text = object["error"] as? String {
            let data = object["data"] as? [String: Any]
            guard let code = (data?["error_code"] as? String).flatMap(BuildFailureCode.init(rawValue:)) else {
                // An agent that knows no codes: what it says is the cause of a failed step.
                self = .failure(BuildFailure(.buildError, text))
                return
            }
            self = .failure(BuildFailure(code, data?["base_error"] as? String))
            return
        }
        self = .output(object["status"] as? String ?? object["stream"] as? String ?? "")
    }

    /// One line of JSON text.
    package var json: String {
        let object: LogObject =
            switch self {
            case .output(let text): LogObject(stream: text)
            case .failure(let failure):
                LogObject(
                    error: failure.message,
                    data: .init(error_code: failure.code.rawValue, base_error: failure.cause))
            }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.withoutEscapingSlashes, .sortedKeys]
        // Strings always encode; an empty object would be read as empty output.
        return (try? encoder.encode(object)).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
    }

    /// Names as on the wire.
    private struct LogObject: Encodable {
        var error: String?
        var stream: String?
        var data: Failure?

        struct Failure: Encodable {
            let error_code: String
            let base_error: String?
        }
    }
}
