/// The part of a blob that a client asks for. Source: RFC 9110, section 14.
enum ByteRange: Sendable, Hashable {
    case whole
    case part(Range<Int64>)
    /// Nothing of what was asked for exists.
    case unsatisfiable

    /// - Parameters:
    ///   - header: the value of `Range`. What is no single range of bytes counts as the whole, as the RFC allows.
    ///   - size: bytes of the blob.
    ///   - etag: with quotes; `ifRange` must be the same, or the whole is sent.
    init(_ header: String?, size: Int64, etag: String, ifRange: String?) {
        guard let header, ifRange == nil || ifRange == etag, let ends = Self.ends(header) else {
            self = .whole
            return
        }
        switch ends {
        case (let first?, let last):
            // An end before the beginning is no range at all: said aloud, or the client would take the whole for its part.
            guard first < size, last ?? .max >= first else {
                self = .unsatisfiable
                return
            }
            self = .part(first..<min(last ?? .max - 1, size - 1) + 1)
        case (nil, let suffix?):
            let count = min(suffix, size)
            self = count > 0 ? .part(size - count..<size) : .unsatisfiable
        case (nil, nil): self = .whole
        }
    }

    private static func ends(_ header: String) -> (first: Int64?, last: Int64?)? {
        let unit = "bytes="
        guard header.hasPrefix(unit) else { return nil }
        let parts = header.dropFirst(unit.count).split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, parts.allSatisfy({ $0.utf8.allSatisfy { (48...57).contains($0) } }) else { return nil }
        let (first, last) = (Int64(parts[0]), Int64(parts[1]))
        // Digits that are too many for a number are beyond any blob.
        if first == nil, !parts[0].isEmpty { return (.max, nil) }
        return first == nil && last == nil ? nil : (first, last)
    }
}

/// `If-None-Match`: whether the client has these bytes already. Source: RFC 9110, section 13.1.2.
enum EntityTag {
    static func matches(_ header: String?, _ etag: String) -> Bool {
        guard let header else { return false }
        return header.split(separator: ",").contains { candidate in
            let text = candidate.trimmingPrefix { $0 == " " }.reversed().drop { $0 == " " }.reversed()
            let bare = String(text)
            return bare == "*" || bare == etag || bare == "W/" + etag
        }
    }
}
