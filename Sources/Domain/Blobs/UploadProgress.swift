/// How far a blob upload has come, and which next piece it takes: without gap and without overlap.
package struct UploadProgress: Sendable, Hashable {
    /// The bytes that a piece says it is: both ends are part of it. Source: OCI distribution 1.1, `Content-Range`.
    package struct Piece: Sendable, Hashable {
        package let first: Int64
        package let last: Int64

        package struct Malformed: Error, Sendable, Hashable { package let text: String }

        /// Parses `first-last`; an HTTP client's `bytes first-last/total` is understood as well. Throws ``Malformed``.
        package init(_ text: String) throws(Malformed) {
            var rest = Substring(text)
            if rest.hasPrefix("bytes ") { rest = rest.dropFirst("bytes ".count) }
            if let slash = rest.firstIndex(of: "/") { rest = rest[..<slash] }
            let ends = rest.split(separator: "-", omittingEmptySubsequences: false)
            guard ends.count == 2, ends.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy(Self.isDigit) }),
                let first = Int64(ends[0]), let last = Int64(ends[1]), first <= last, last < .max
            else { throw Malformed(text: text) }
            self.first = first
            self.last = last
        }

        package var count: Int64 { last - first + 1 }

        private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
    }

    /// Why a piece is refused: it does not begin where the upload ends, or is not as long as it says.
    package struct Mismatch: Error, Sendable, Hashable {
        /// Where the next piece must begin.
        package let offset: Int64

        package init(offset: Int64) { self.offset = offset }
    }

    /// Bytes that are stored and acknowledged.
    package private(set) var offset: Int64

    package init(offset: Int64) { self.offset = offset }

    /// Checks a piece before its bytes are read; a stream without a range always goes on at the offset.
    /// - Parameter announced: the Content-Length, when the client gave one.
    /// Throws ``Mismatch``.
    package func check(_ piece: Piece?, announced: Int64?) throws(Mismatch) {
        guard let piece else { return }
        guard piece.first == offset, announced.map({ $0 == piece.count }) ?? true else {
            throw Mismatch(offset: offset)
        }
    }

    /// Moves on by the bytes that came. Throws ``Mismatch`` when they are not as many as `piece` said.
    package mutating func advance(by count: Int64, as piece: Piece?) throws(Mismatch) {
        if let piece, piece.count != count { throw Mismatch(offset: offset) }
        offset += count
    }

    /// The header that says what is stored: `0-<last byte>`. Source: OCI distribution 1.1; without a byte, as Docker has it,
    /// `0-0`.
    package var range: String { "0-\(max(0, offset - 1))" }
}
