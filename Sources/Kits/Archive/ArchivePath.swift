/// A path within an archive, as the names that lead to it: never absolute, never upwards.
///
/// Names are bytes: Linux knows no encoding. A path without names is the archive's own root.
struct ArchivePath: Hashable {
    let names: [[UInt8]]

    init(names: [[UInt8]]) { self.names = names }

    /// Reads a path of an archive; empty names and `.` count for nothing. Throws ``ArchiveError``.
    init(_ bytes: [UInt8], limits: ArchiveLimits) throws(ArchiveError) {
        guard !bytes.isEmpty, bytes[0] != UInt8(ascii: "/"), !bytes.contains(0) else {
            throw .unsafePath(Self.printable(bytes))
        }
        guard bytes.count <= limits.maximumPathBytes else { throw .pathTooLong(Self.printable(bytes)) }
        let names = Self.split(bytes)
        guard !names.contains(Self.parent) else { throw .unsafePath(Self.printable(bytes)) }
        guard names.allSatisfy({ $0.count <= 255 }) else { throw .pathTooLong(Self.printable(bytes)) }
        self.names = names
    }

    var parent: ArchivePath { ArchivePath(names: Array(names.dropLast())) }

    var text: String { Self.printable(Array(names.joined(separator: [UInt8(ascii: "/")]))) }

    static let parent = Array("..".utf8)

    /// The names between slashes, without empty ones and `.`.
    static func split(_ bytes: [UInt8]) -> [[UInt8]] {
        bytes.split(separator: UInt8(ascii: "/")).map(Array.init).filter { $0 != [UInt8(ascii: ".")] }
    }

    /// For messages: no control characters, at most 200 characters.
    static func printable(_ bytes: [UInt8]) -> String {
        let text = String(decoding: bytes.prefix(800), as: UTF8.self).prefix(200)
        return String(text.map { $0.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x7F } ? "?" : $0 })
    }
}

/// The symbolic links of an archive, to find out where each of them really leads.
///
/// A target can look harmless and lead outside through another link (`d -> ../../..` in a deep folder, then `e ->
/// a/b/c/d/..`), so links are followed through each other, once all of them are known.
struct ArchiveLinks {
    private var targets: [ArchivePath: [UInt8]] = [:]
    /// As the kernel: more links on one way are a loop, which leads nowhere.
    private static let maximumHops = 40

    mutating func add(_ path: ArchivePath, target: [UInt8]) { targets[path] = target }

    mutating func remove(_ path: ArchivePath) { targets[path] = nil }

    /// Throws for the first link (by path) that leads outside.
    func check() throws(ArchiveError) {
        for (path, target) in targets.sorted(by: { $0.key.text < $1.key.text }) where leadsOutside(path, target) {
            throw .linkLeadsOutside(path: path.text, target: ArchivePath.printable(target))
        }
    }

    private func leadsOutside(_ path: ArchivePath, _ target: [UInt8]) -> Bool {
        var here = Array(path.names.dropLast())
        var waiting = Array(ArchivePath.split(target).reversed())
        if target.first == UInt8(ascii: "/") { return true }
        var hops = 0
        while let name = waiting.popLast() {
            if name == ArchivePath.parent {
                guard here.popLast() != nil else { return true }
                continue
            }
            here.append(name)
            guard let next = targets[ArchivePath(names: here)] else { continue }
            hops += 1
            if hops > Self.maximumHops { return false }
            if next.first == UInt8(ascii: "/") { return true }
            here.removeLast()
            waiting += ArchivePath.split(next).reversed()
        }
        return false
    }
}
