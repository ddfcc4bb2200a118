import Foundation

/// What a bucket keeps of an upload under way beside its stored parts.
///
/// Every part has ``S3Store/partBytes``; what came after the last full one waits in the state itself, because a bucket
/// takes no smaller part until the last. Shape: one line of JSON, a line feed, the waiting bytes.
struct S3UploadState: Sendable, Hashable {
    struct Malformed: Error {}

    private struct Line: Codable {
        var version = 1
        let multipart: String?
        let etags: [String]
        let tailBytes: Int
    }

    /// The multipart upload's id; nil as long as there is no part.
    var multipart: String?
    /// Of the parts, in order: a part that somebody replaced since is not the one that is meant.
    var etags: [String] = []
    /// At most one part.
    var tail: [UInt8] = []

    var offset: Int64 { Int64(etags.count) * Int64(S3Store.partBytes) + Int64(tail.count) }

    init() {}

    init(_ bytes: [UInt8]) throws {
        guard let end = bytes.firstIndex(of: UInt8(ascii: "\n")) else { throw Malformed() }
        let line = try JSONDecoder().decode(Line.self, from: Data(bytes[..<end]))
        tail = Array(bytes[(end + 1)...])
        guard line.version == 1, line.tailBytes == tail.count, tail.count <= S3Store.partBytes,
            line.etags.isEmpty || line.multipart != nil
        else { throw Malformed() }
        multipart = line.multipart
        etags = line.etags
    }

    func bytes() throws -> [UInt8] {
        let line = try JSONEncoder().encode(Line(multipart: multipart, etags: etags, tailBytes: tail.count))
        return Array(line) + [UInt8(ascii: "\n")] + tail
    }
}
