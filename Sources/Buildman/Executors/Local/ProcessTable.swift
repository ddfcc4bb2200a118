import Foundation
import Glibc

/// One process of this machine, told apart from a later one with the same number by when it started.
struct ProcessMark: Sendable, Hashable {
    let identifier: Int32
    /// In clock ticks since the machine started.
    let startTime: UInt64

    init(identifier: Int32, startTime: UInt64) {
        self.identifier = identifier
        self.startTime = startTime
    }

    /// Reads a line of `/proc/<pid>/stat`; nil when it isn't one.
    init?(stat: String) {
        guard let entry = ProcessTable.Entry(stat: stat) else { return nil }
        self = entry.mark
    }

    /// As an execution id: `pid:start`.
    var text: String { "\(identifier):\(startTime)" }
}

/// What `/proc` says of this machine's processes.
enum ProcessTable {
    struct Entry: Sendable, Hashable {
        let mark: ProcessMark
        let parent: Int32
        let session: Int32
        let isZombie: Bool

        init?(stat: String) {
            // The second field is the program's name in parentheses, which may hold anything.
            guard let open = stat.firstIndex(of: "("), let close = stat.lastIndex(of: ")"),
                let identifier = Int32(stat[..<open].trimmingCharacters(in: .whitespaces))
            else { return nil }
            let fields = stat[stat.index(after: close)...].split(whereSeparator: \.isWhitespace)
            guard fields.count > 19, let parent = Int32(fields[1]), let session = Int32(fields[3]),
                let startTime = UInt64(fields[19])
            else { return nil }
            self.mark = ProcessMark(identifier: identifier, startTime: startTime)
            self.parent = parent
            self.session = session
            self.isZombie = fields[0] == "Z" || fields[0] == "X"
        }
    }

    /// Whether that very process still runs.
    static func isAlive(_ mark: ProcessMark) -> Bool {
        guard let entry = entry(mark.identifier) else { return false }
        return entry.mark == mark && !entry.isZombie
    }

    static func entry(_ identifier: Int32) -> Entry? {
        guard let stat = try? String(contentsOfFile: "/proc/\(identifier)/stat", encoding: .utf8) else { return nil }
        return Entry(stat: stat)
    }

    /// Everything that `root` has started, in any generation, and what runs in its session or carries `marker` in its
    /// environment; `root` itself first. Zombies are none.
    static func family(of root: ProcessMark, marker: String) -> [ProcessMark] {
        let all = all()
        var family: Set<Int32> = isAlive(root) ? [root.identifier] : []
        for entry in all where entry.session == root.identifier || hasMarker(entry.mark.identifier, marker) {
            family.insert(entry.mark.identifier)
        }
        var hasGrown = true
        while hasGrown {
            let children = all.filter { family.contains($0.parent) && !family.contains($0.mark.identifier) }
            for child in children { family.insert(child.mark.identifier) }
            hasGrown = !children.isEmpty
        }
        return all.filter { family.contains($0.mark.identifier) }.map(\.mark)
            .sorted { $0 == root ? $1 != root : $1 != root && $0.identifier < $1.identifier }
    }

    private static func all() -> [Entry] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return names.compactMap(Int32.init).compactMap(entry).filter { !$0.isZombie }
    }

    /// Processes of others can't be read, and are none of ours.
    private static func hasMarker(_ identifier: Int32, _ marker: String) -> Bool {
        guard let environment = FileManager.default.contents(atPath: "/proc/\(identifier)/environ") else {
            return false
        }
        return environment.split(separator: 0).contains { $0.elementsEqual(marker.utf8) }
    }
}
