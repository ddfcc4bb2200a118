/// The lines of a build's log between the build that writes and the manager that stores them: pure, for one owner.
///
/// Lines are numbered from 1 without gaps. A line stays until it is acknowledged; after a broken stream everything
/// unacknowledged is sent again with its old number, in order.
struct LogBuffer: Sendable {
    struct Line: Sendable, Hashable {
        let number: Int32
        let json: String
    }

    private let maximumLines: Int
    private let maximumBytes: Int
    private var lines: [Line] = []
    private var bytes = 0
    private var lastNumber: Int32 = 0
    /// How many of ``lines`` the present stream has taken.
    private var sent = 0
    /// No line comes any more.
    private(set) var isClosed = false

    init(maximumLines: Int = 1_024, maximumBytes: Int = 1 << 20) {
        self.maximumLines = maximumLines
        self.maximumBytes = maximumBytes
    }

    /// Writers must wait while it is.
    var isFull: Bool { lines.count >= maximumLines || bytes >= maximumBytes }
    /// Everything was acknowledged.
    var isDrained: Bool { lines.isEmpty }
    var unsentCount: Int { lines.count - sent }

    mutating func append(_ json: String) {
        guard !isClosed else { return }
        lastNumber += 1
        lines.append(Line(number: lastNumber, json: json))
        bytes += json.utf8.count
    }

    mutating func close() { isClosed = true }

    /// The next line for the present stream; nil when it has them all.
    mutating func next() -> Line? {
        guard sent < lines.count else { return nil }
        defer { sent += 1 }
        return lines[sent]
    }

    /// Forgets every line up to `number`. Numbers that were never sent, or that are gone, change nothing.
    mutating func acknowledge(_ number: Int32) {
        let count = lines.prefix(sent).prefix { $0.number <= number }.count
        bytes -= lines.prefix(count).reduce(0) { $0 + $1.json.utf8.count }
        lines.removeFirst(count)
        sent -= count
    }

    /// A new stream begins: what isn't acknowledged goes again.
    mutating func restart() { sent = 0 }
}
