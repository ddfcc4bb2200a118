/// The name of one attempt of one build, the same everywhere: in job tokens, in Redis, as the name of a Kubernetes Job
/// and of a directory. Shape: `<build uuid>-<attempt>`, attempts counting from 1.
package struct JobKey: Sendable, Hashable, CustomStringConvertible {
    package struct Malformed: Error, Sendable, Hashable { package let text: String }

    package let buildUUID: String
    package let attempt: Int

    package init(buildUUID: String, attempt: Int) {
        self.buildUUID = buildUUID
        self.attempt = attempt
    }

    /// Reads what ``text`` wrote; throws ``Malformed``.
    package init(_ text: String) throws(Malformed) {
        guard let dash = text.lastIndex(of: "-"), let attempt = Int(text[text.index(after: dash)...]), attempt > 0
        else { throw Malformed(text: text) }
        let uuid = text[..<dash]
        guard uuid.utf8.count == 36, uuid.utf8.allSatisfy(Self.isHexadecimalOrDash) else { throw Malformed(text: text) }
        self.init(buildUUID: String(uuid), attempt: attempt)
    }

    package var text: String { "\(buildUUID)-\(attempt)" }
    package var description: String { text }

    private static func isHexadecimalOrDash(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"), UInt8(ascii: "-"): true
        default: false
        }
    }
}
