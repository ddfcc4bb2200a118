import Domain
import HTTPTypes
import Logging
import Telemetry

/// Writes one line for each request that was answered.
struct RequestLog: Sendable {
    private let lines: EventLines

    init(_ lines: EventLines) { self.lines = lines }

    func write(_ request: AnsweredRequest) {
        lines.write(.info, "request") { fields in
            // In alphabetical order, as other lines have their fields.
            if request.sentBytes == nil { fields.add("broken_off", "true") }
            if let bytes = request.sentBytes { fields.add("bytes", bytes) }
            if let caller = request.caller { fields.add("caller", caller.name ?? "$token") }
            if let address = request.clientAddress { fields.add("client", address) }
            fields.add("method", request.method.rawValue)
            fields.add("ms", milliseconds: request.duration)
            if let path = request.path { fields.add("path", path) }
            fields.add("request_id", request.id)
            fields.add("route", request.route)
            fields.add("status", request.status)
        }
    }

    /// Writes what is still held back.
    func flush() { lines.flush() }
}
