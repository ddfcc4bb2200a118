/// Puts the lines of an answer's head together; interim answers (1xx) are skipped, trailers ignored.
struct HeadParser {
    enum Step {
        case more
        case complete(Int, WebHeaders)
        case tooLarge
        case malformed
    }

    /// For the whole head, interim answers and trailers included.
    static let maximumBytes = 262_144

    private var status: Int?
    private var headers = WebHeaders()
    private var size = 0
    private var isComplete = false

    /// Reads one line, with its line end.
    mutating func read(_ bytes: UnsafeRawBufferPointer) -> Step {
        size += bytes.count
        if size > Self.maximumBytes { return .tooLarge }
        if isComplete { return .more }
        var line = bytes[...]
        while let last = line.last, last == UInt8(ascii: "\n") || last == UInt8(ascii: "\r") { line = line.dropLast() }
        if line.isEmpty { return finish() }
        let text = String(decoding: line, as: UTF8.self)
        if text.hasPrefix("HTTP/") {
            let words = text.split(separator: " ", maxSplits: 2)
            guard words.count >= 2, words[1].count == 3, let number = Int(words[1]), number >= 100 else {
                return .malformed
            }
            status = number
            headers = WebHeaders()
        } else if let colon = text.firstIndex(of: ":") {
            let blank: (Character) -> Bool = { $0 == " " || $0 == "\t" }
            let value = text[text.index(after: colon)...].drop(while: blank)
            let end = value.lastIndex { !blank($0) }.map { value.index(after: $0) } ?? value.startIndex
            headers.add(String(text[..<colon]), String(value[..<end]))
        }
        return .more
    }

    private mutating func finish() -> Step {
        guard let status else { return .malformed }
        if status < 200, status != 101 {
            self.status = nil
            return .more
        }
        isComplete = true
        return .complete(status, headers)
    }
}
