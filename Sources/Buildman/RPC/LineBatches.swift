/// Lines between one stream that brings them and one loop that stores them: whoever brings too many waits, and what came
/// while a batch was being stored makes the next one.
actor LineBatches<Line: Sendable> {
    private let limit: Int
    private let maximumBytes: Int
    private var lines: [Line] = []
    private var bytes = 0
    private var isFinished = false
    private var writer: CheckedContinuation<Void, Never>?
    private var reader: CheckedContinuation<Void, Never>?

    /// - Parameters:
    ///   - limit: how many lines wait at most.
    ///   - maximumBytes: how large they are together, at most, unless one is larger by itself.
    init(limit: Int, maximumBytes: Int) {
        self.limit = limit
        self.maximumBytes = maximumBytes
    }

    /// Adds a line of that size; waits while there are too many. For one caller at a time.
    func add(_ line: Line, bytes size: Int) async {
        while !lines.isEmpty, lines.count >= limit || bytes + size > maximumBytes, !isFinished {
            await withCheckedContinuation { writer = $0 }
        }
        lines.append(line)
        bytes += size
        wake(&reader)
    }

    /// No line comes any more, or nobody takes them.
    func finish() {
        isFinished = true
        wake(&reader)
        wake(&writer)
    }

    /// Every line that waits, at least one; nil after the last. For one caller at a time.
    func next() async -> [Line]? {
        while lines.isEmpty, !isFinished { await withCheckedContinuation { reader = $0 } }
        guard !lines.isEmpty else { return nil }
        defer {
            lines = []
            bytes = 0
        }
        wake(&writer)
        return lines
    }

    private func wake(_ continuation: inout CheckedContinuation<Void, Never>?) {
        continuation?.resume()
        continuation = nil
    }
}
