import OCI
import Synchronization

/// What a registry has acknowledged, and what it may have done: the answer was lost with the process.
final class Ledger: Sendable {
    struct TagPlace: Hashable, Sendable { let repository: String, tag: String }
    struct BlobPlace: Hashable, Sendable { let repository: String, digest: Digest }
    struct OpenUpload: Sendable {
        let repository: String
        let location: String
        /// The whole blob; the first `acknowledged` bytes of it were answered with 202.
        let bytes: [UInt8]
        var acknowledged: Int
    }

    struct State: Sendable {
        /// Acknowledged blobs by where they are.
        var blobs: Set<BlobPlace> = []
        /// Blobs that may be there or not; if so, whole.
        var maybeBlobs: Set<BlobPlace> = []
        /// What each tag may point at: one value when it is certain; nil stands for "deleted".
        var tags: [TagPlace: [Digest?]] = [:]
        var uploads: [OpenUpload] = []
        /// How long the blobs are that were tried; a manifest says it of a mounted one too.
        var sizes: [Digest: Int] = [:]
        var acknowledged = 0
    }

    private let state = Mutex(State())

    func record(_ change: (inout State) -> Void) {
        state.withLock { change(&$0) }
    }

    var now: State { state.withLock { $0 } }

    func blob(_ digest: Digest, in repository: String) {
        state.withLock {
            $0.blobs.insert(BlobPlace(repository: repository, digest: digest))
            $0.acknowledged += 1
        }
    }

    /// A tag was, or may have been, pointed elsewhere (nil: deleted).
    func tag(_ place: TagPlace, _ digest: Digest?, isCertain: Bool) {
        state.withLock {
            if isCertain {
                $0.tags[place] = [digest]
                $0.acknowledged += 1
            } else {
                $0.tags[place, default: [nil]].append(digest)
            }
        }
    }

    /// Some blob of another writer, for a mount.
    func anyBlob(outside repository: String, _ random: inout Seeded) -> BlobPlace? {
        let others = state.withLock { $0.blobs.filter { $0.repository != repository } }
        return others.isEmpty ? nil : others.randomElement(using: &random)
    }
}

/// A small generator whose run can be had again from its seed.
struct Seeded: RandomNumberGenerator, Sendable {
    private var state: UInt64
    init(_ seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }

    mutating func number(below limit: Int) -> Int { Int(next() % UInt64(limit)) }

    mutating func bytes(upTo limit: Int) -> [UInt8] {
        (0..<number(below: limit + 1)).map { _ in UInt8(truncatingIfNeeded: next()) }
    }
}
