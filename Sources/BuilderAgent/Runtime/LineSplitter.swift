/// Turns the bytes that a program prints into lines for a log.
///
/// A line ends at a newline; what a carriage return overwrote is dropped, so that a progress bar leaves its last state.
/// A longer line than the limit comes in pieces. Bytes that aren't UTF-8 become U+FFFD; control characters other than
/// tab and escape (colours) disappear.
struct LineSplitter: Sendable {
    private let maximumBytes: Int
    private var pending: [UInt8] = []

    init(maximumBytes: Int = 8_192) {
        self.maximumBytes = maximumBytes
    }

    /// The lines that `bytes` complete, without their ends.
    mutating func feed(_ bytes: some Sequence<UInt8>) -> [String] {
        var lines: [String] = []
        for byte in bytes {
            if byte == UInt8(ascii: "\n") {
                lines.append(take())
                continue
            }
            pending.append(byte)
            if pending.count >= maximumBytes { lines.append(takePiece()) }
        }
        return lines
    }

    /// The rest after the last newline, if any.
    mutating func finish() -> String? {
        pending.isEmpty ? nil : take()
    }

    private mutating func take() -> String {
        defer { pending.removeAll(keepingCapacity: true) }
        return Self.text(pending[...])
    }

    /// Cuts between two characters, never inside one.
    private mutating func takePiece() -> String {
        let tail = pending.suffix(3)
        // A leading byte near the end whose followers haven't all come yet.
        let cut = tail.lastIndex { $0 >= 0b1100_0000 }.flatMap { lead -> Int? in
            let length = pending[lead] >= 0b1111_0000 ? 4 : pending[lead] >= 0b1110_0000 ? 3 : 2
            return pending.count - lead < length ? lead : nil
        }
        let end = cut.flatMap { $0 > 0 ? $0 : nil } ?? pending.count
        defer { pending.removeFirst(end) }
        return Self.text(pending[..<end])
    }

    private static func text(_ bytes: ArraySlice<UInt8>) -> String {
        let parts = bytes.split(separator: UInt8(ascii: "\r"))
        let visible = (parts.last ?? []).filter { $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 || $0 == 0x1B }
        return String(decoding: visible, as: UTF8.self)
    }
}
