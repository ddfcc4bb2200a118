import Logging
import Synchronization

/// Keeps what a logger is told, and prints none of it.
final class CapturedLog: Sendable {
    private let kept = Mutex<[String]>([])

    /// Each event as one line: its message, and its metadata by name.
    var lines: [String] { kept.withLock { $0 } }

    var logger: Logger { Logger(label: "test") { _ in Handler(log: self) } }

    private struct Handler: LogHandler {
        let log: CapturedLog
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.debug

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let all = metadata.merging(event.metadata ?? [:]) { $1 }
            let pairs = all.sorted { $0.key < $1.key }.map { " \($0.key)=\($0.value)" }
            log.kept.withLock { $0.append("\(event.message)\(pairs.joined())") }
        }
    }
}
