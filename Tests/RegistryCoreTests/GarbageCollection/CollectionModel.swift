import Foundation
import OCI

/// What a registry must have and must not have: sets and a clock, nothing else.
///
/// Where services ran at the same time as a collector, some things may be there or gone; they are `maybe`.
struct CollectionModel {
    struct Row: Hashable {
        let name: String
        let digest: Digest
        var end: Date?
        let isHidden: Bool
    }

    /// The end of a pin: no earlier than `low`, no later than `high`.
    struct Pin: Hashable {
        var low: Date
        var high: Date
    }

    struct Content: Hashable {
        var blobs: Set<String> = []
        var children: Set<Digest> = []
        var subject: Digest?
    }

    struct Repository {
        var rows: [Row] = []
        /// Rows that were over once: a pass may have removed them, even if a longer window keeps them now.
        var doubtfulRows: [Row] = []
        var pins: [String: Pin] = [:]
        var present: Set<Digest> = []
        var maybe: Set<Digest> = []
        /// Referrers that were deleted by digest: they have no subject any more.
        var detached: Set<Digest> = []
        /// How often it was made.
        var generation = 0
    }

    var repositories: [String: Repository]
    /// By the first part of a repository's name; seconds.
    var windows: [String: TimeInterval]
    var contents: [Digest: Content] = [:]

    func window(of name: String) -> TimeInterval { windows[String(name.prefix { $0 != "/" })] ?? 0 }

    /// The manifests that a tag row reaches at `now`, among those that are there.
    func reachable(_ name: String, at now: Date, alsoMaybe: Bool = false) -> Set<Digest> {
        guard let repository = repositories[name] else { return [] }
        let there = alsoMaybe ? repository.present.union(repository.maybe) : repository.present
        var rows = rowsKept(name, at: now)
        if alsoMaybe { rows += doubtfulRowsKept(name, at: now) }
        return closure(of: Set(rows.map(\.digest)), in: name, among: there)
    }

    /// The manifests and all that they hold, among those that are there.
    private func closure(of roots: Set<Digest>, in name: String, among there: Set<Digest>? = nil) -> Set<Digest> {
        guard let repository = repositories[name] else { return [] }
        let there = there ?? repository.present
        var referrers: [Digest: Set<Digest>] = [:]
        for digest in there where !repository.detached.contains(digest) {
            if let subject = contents[digest]?.subject { referrers[subject, default: []].insert(digest) }
        }
        var reached: Set<Digest> = []
        var frontier = roots.intersection(there)
        while let next = frontier.popFirst() {
            guard reached.insert(next).inserted else { continue }
            frontier.formUnion((contents[next]?.children ?? []).intersection(there))
            frontier.formUnion(referrers[next] ?? [])
        }
        return reached
    }

    func rowsKept(_ name: String, at now: Date) -> [Row] { kept(repositories[name]?.rows ?? [], of: name, at: now) }

    func doubtfulRowsKept(_ name: String, at now: Date) -> [Row] {
        kept(repositories[name]?.doubtfulRows ?? [], of: name, at: now)
    }

    private func kept(_ rows: [Row], of name: String, at now: Date) -> [Row] {
        let window = window(of: name)
        return rows.filter { row in row.end.map { $0 > (row.isHidden ? now : now - window) } ?? true }
    }

    func blobs(of manifests: Set<Digest>) -> Set<String> {
        manifests.reduce(into: []) { $0.formUnion(contents[$1]?.blobs ?? []) }
    }

    /// Whether a manifest can't go while the clock stands, whatever other lanes do.
    func isGuaranteed(_ digest: Digest, in name: String, at now: Date, lane: String) -> Bool {
        guard repositories[name]?.present.contains(digest) == true else { return false }
        let isTimeless = window(of: name) == 0
        return rowsKept(name, at: now).contains { row in
            row.digest == digest && (row.isHidden || !isTimeless || (row.end == nil && row.name.hasPrefix(lane)))
        }
    }

    func isPinned(_ blob: String, in name: String, at now: Date) -> Bool {
        (repositories[name]?.pins[blob]?.low ?? .distantPast) > now
    }

    mutating func pin(_ blob: String, in name: String, low: Date, high: Date) {
        let old = repositories[name]?.pins[blob] ?? Pin(low: low, high: high)
        repositories[name]?.pins[blob] = Pin(low: max(old.low, low), high: max(old.high, high))
    }

    mutating func put(_ digest: Digest, _ content: Content, tag: String?, in name: String, at now: Date) {
        contents[digest] = content
        repositories[name]?.present.insert(digest)
        repositories[name]?.maybe.remove(digest)
        repositories[name]?.detached.remove(digest)
        if let tag {
            point(tag, at: digest, in: name, now: now)
        } else {
            repositories[name]?.rows.append(Row(name: "", digest: digest, end: now + 3600, isHidden: true))
        }
    }

    mutating func point(_ tag: String, at digest: Digest, in name: String, now: Date) {
        guard tagged(tag, in: name) != digest else { return }
        end(tag, in: name, at: now)
        repositories[name]?.rows.append(Row(name: tag, digest: digest, end: nil, isHidden: false))
    }

    func tagged(_ tag: String, in name: String) -> Digest? {
        repositories[name]?.rows.first { $0.name == tag && $0.end == nil }?.digest
    }

    mutating func end(_ tag: String, in name: String, at now: Date) {
        guard let digest = tagged(tag, in: name) else { return }
        endRows(of: name, at: now) { $0.name == tag && $0.end == nil }
        // It may have gone before somebody else, whose call we heard of first, stored it again: with all that it held.
        if window(of: name) == 0 { suspect(closure(of: [digest], in: name), in: name) }
    }

    /// Ends every row that points at a manifest and is alive.
    mutating func end(pointingAt digest: Digest, in name: String, at now: Date) {
        endRows(of: name, at: now) { $0.digest == digest && ($0.end ?? .distantFuture) > now }
        repositories[name]?.detached.insert(digest)
        doubt(name, at: now)
    }

    private mutating func endRows(of name: String, at now: Date, where isMeant: (Row) -> Bool) {
        let rows = (repositories[name]?.rows ?? []).map { row in
            var row = row
            if isMeant(row) { row.end = now }
            return row
        }
        repositories[name]?.rows = rows
    }

    /// What nothing reaches may be gone from now on.
    mutating func doubt(_ name: String, at now: Date) {
        let reached = reachable(name, at: now)
        suspect((repositories[name]?.present ?? []).subtracting(reached), in: name)
        let rows = rowsKept(name, at: now)
        let over = (repositories[name]?.rows ?? []).filter { !rows.contains($0) }
        repositories[name]?.rows = rows
        repositories[name]?.doubtfulRows += over
    }

    private mutating func suspect(_ lost: Set<Digest>, in name: String) {
        repositories[name]?.present.subtract(lost)
        repositories[name]?.maybe.formUnion(lost)
    }

    /// A pass was made while nobody did anything: what is there is known, and what is over is forgotten.
    mutating func settle(_ name: String, manifests: Set<Digest>, links: Set<String>, at now: Date) {
        let (rows, doubtfulRows) = (rowsKept(name, at: now), doubtfulRowsKept(name, at: now))
        repositories[name]?.rows = rows
        repositories[name]?.doubtfulRows = doubtfulRows
        repositories[name]?.present = manifests
        repositories[name]?.maybe = []
        repositories[name]?.detached.formIntersection(manifests)
        let pins = (repositories[name]?.pins ?? [:]).filter { links.contains($0.key) }
        repositories[name]?.pins = pins
    }
}

/// A small, fast source of chance that a seed repeats.
struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var state: UInt64
    init(seed: UInt64) { state = seed }

    /// SplitMix64.
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
