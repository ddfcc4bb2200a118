import OCI
import Synchronization

/// The running hashes of uploads that this process serves: a short cut, never the truth.
///
/// A hash is taken out for the time of one request. Without it (another replica, a restart, too many uploads) the stored
/// bytes are read again.
final class UploadHashes: Sendable {
    private let capacity: Int
    private let hashes = Mutex<[String: DigestHasher]>([:])

    /// - Parameter capacity: how many are kept; one takes about 200 bytes.
    init(capacity: Int = 4096) { self.capacity = capacity }

    /// The hash of exactly the first `offset` bytes, if this process has it.
    func take(_ uuid: String, at offset: Int64, by algorithm: Digest.Algorithm) -> DigestHasher? {
        guard let hash = hashes.withLock({ $0.removeValue(forKey: uuid) }), hash.count == offset,
            hash.algorithm == algorithm
        else { return nil }
        return hash
    }

    func keep(_ hash: DigestHasher, for uuid: String) {
        hashes.withLock { hashes in
            if hashes.count >= capacity, let other = hashes.keys.first { hashes.removeValue(forKey: other) }
            hashes[uuid] = hash
        }
    }

    func forget(_ uuid: String) { hashes.withLock { _ = $0.removeValue(forKey: uuid) } }
}

/// A hash that grows on the threads that store the bytes.
final class GrowingHash: Sendable {
    private let hasher: Mutex<DigestHasher>

    init(_ hasher: DigestHasher) { self.hasher = Mutex(hasher) }

    func add(_ bytes: UnsafeRawBufferPointer) { hasher.withLock { $0.update(bytes) } }

    var current: DigestHasher { hasher.withLock { $0 } }
}
