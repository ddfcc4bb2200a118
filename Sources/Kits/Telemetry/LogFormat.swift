package import Logging
package import Runtime

/// How log lines look (`--log-format`): one line an event, on standard error.
package enum LogFormat: String, Sendable, CaseIterable {
    /// `2026-01-31T12:00:00.000Z info RegistryLite: message key=value`
    case text
    /// `{"time":…,"level":…,"logger":…,"message":…,"metadata":{…}}`
    case json

    /// Makes swift-log write in this format; once, at the start of a program.
    /// - Parameter names: what keys of metadata that others have chosen are called in lines.
    package func bootstrap(
        level: Logger.Level, clock: WallClock = .system, renaming names: [String: String] = [:]
    ) {
        LoggingSystem.bootstrap { label in
            var handler = FormattedLogHandler(
                label: label, format: self, level: level, clock: clock, sink: StandardError.write)
            handler.names = names
            return handler
        }
    }

    /// A handler whose lines go to `sink`, each with its line feed.
    package func handler(
        label: String, level: Logger.Level, clock: WallClock, sink: @escaping @Sendable (String) -> Void
    ) -> any LogHandler {
        FormattedLogHandler(label: label, format: self, level: level, clock: clock, sink: sink)
    }
}

/// Formats the events of one logger.
struct FormattedLogHandler: LogHandler {
    let label: String
    let format: LogFormat
    let clock: WallClock
    let sink: @Sendable (String) -> Void
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?
    var names: [String: String] = [:]

    init(
        label: String, format: LogFormat, level: Logger.Level, clock: WallClock,
        sink: @escaping @Sendable (String) -> Void
    ) {
        self.label = label
        self.format = format
        self.logLevel = level
        self.clock = clock
        self.sink = sink
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var all = metadata
        if let provided = metadataProvider?.get() { all.merge(provided) { $1 } }
        if let own = event.metadata { all.merge(own) { $1 } }
        if let error = event.error, all["error"] == nil { all["error"] = "\(error)" }
        for (key, name) in names {
            if let value = all.removeValue(forKey: key) { all[name] = value }
        }
        let time = LogText.time(clock.now)
        let message = event.message.description
        switch format {
        case .text:
            let pairs = all.sorted { $0.key < $1.key }.map { " \(LogText.bare($0.key))=\(LogText.value($0.value))" }
                .joined()
            sink("\(time) \(event.level) \(label): \(LogText.escaped(message))\(pairs)\n")
        case .json:
            var fields = [
                "\"time\":\"\(time)\"", "\"level\":\"\(event.level)\"", "\"logger\":\(LogText.json(label))",
                "\"message\":\(LogText.json(message))",
            ]
            if !all.isEmpty { fields.append("\"metadata\":\(LogText.json(.dictionary(all)))") }
            sink("{\(fields.joined(separator: ","))}\n")
        }
    }
}
