import Foundation
import Glibc
package import NIOCore
import NIOPosix
import Synchronization

/// A folder of this machine as a location.
///
/// Layout: `registry-storage` is the marker that the folder is ours, `uploads/<upload>` grow, `<area>/ab/<identifier>` are
/// objects. An upload is locked (flock) while a request writes it, so that two processes on one folder can't mix theirs.
package struct LocalDiskStore: ObjectStore {
    package let location: String
    let root: String
    private static let marker = "registry-storage"
    private static let batchBytes = 256 * 1024
    private static let readBytes = 1024 * 1024

    /// Opens the folder `root`, making it, or marking an empty one as ours.
    ///
    /// Errors: `.foreign` when it holds files and no marker of ours (nothing is changed then), `.full`, `.failed`.
    package static func open(_ root: String, location: String) async throws -> LocalDiskStore {
        try await NIOThreadPool.singleton.runIfActive {
            let store = LocalDiskStore(location: location, root: root)
            try store.prepare()
            return store
        }
    }

    private init(location: String, root: String) {
        self.location = location
        self.root = root
    }

    package func append(
        _ chunks: some AsyncSequence<ByteBuffer, any Error> & Sendable, to upload: UploadKey, at mark: UploadMark,
        for ledger: some UploadLedger
    ) async throws {
        let path = path(of: upload)
        let file = try await NIOThreadPool.singleton.runIfActive {
            let file = try LocalFile.openForAppending(path)
            try file.lock()
            // Whoever had it before may have made it an object, or removed it, between our opening and our locking.
            guard try file.isNamed(path) else {
                throw ObjectStorageError(.busy, "Another request has ended the upload \(upload).")
            }
            return file
        }
        defer { file.unlock() }
        do { try await ledger.confirm() } catch {
            // Ours, if it is empty: nobody began this upload, or somebody has ended it.
            if try file.size() == 0 { try await remove(path) }
            throw error
        }
        try await NIOThreadPool.singleton.runIfActive {
            guard try file.size() >= mark.offset else {
                throw ObjectStorageError(.tooShort, "The upload \(upload) holds fewer than \(mark.offset) bytes.")
            }
            try file.truncate(to: mark.offset)
        }
        let stored = Mutex(mark.offset)
        var failure: (any Error)?
        do {
            try await chunks.inBatches(ofAtMost: Self.batchBytes) { batch in
                try await NIOThreadPool.singleton.runIfActive {
                    try file.write(batch) { bytes in
                        ledger.observe(bytes)
                        stored.withLock { $0 += Int64(bytes.count) }
                    }
                }
            }
        } catch { failure = error }
        if let full = failure as? ObjectStorageError, full.kind == .full {
            // Given back at once: a full disk must not stay full of what was refused.
            try await NIOThreadPool.singleton.runIfActive { try file.truncate(to: mark.offset) }
            throw full
        }
        try await ledger.acknowledge(
            UploadMark(offset: stored.withLock { $0 }, state: Machine.boot), after: failure)
        if let failure { throw failure }
    }

    package func replay(
        _ upload: UploadKey, to mark: UploadMark,
        observing observer: @escaping @Sendable (UnsafeRawBufferPointer) -> Void
    ) async throws {
        let count = mark.offset
        guard count > 0 else { return }
        let path = path(of: upload)
        let file = try await NIOThreadPool.singleton.runIfActive { try LocalFile.openForReading(path) }
        var position: Int64 = 0
        while position < count {
            let (start, want) = (position, min(Int64(Self.readBytes), count - position))
            position += try await NIOThreadPool.singleton.runIfActive {
                let bytes = try file.read(at: start, upTo: Int(want))
                guard !bytes.isEmpty else {
                    throw ObjectStorageError(.tooShort, "The upload \(upload) holds fewer than \(count) bytes.")
                }
                bytes.withUnsafeBytes(observer)
                return Int64(bytes.count)
            }
        }
    }

    package func commit(_ upload: UploadKey, at mark: UploadMark) async throws {
        let size = mark.offset
        let key = upload.object
        let source = path(of: upload)
        let target = path(of: key)
        let folder = "\(root)/\(key.folder)"
        try await NIOThreadPool.singleton.runIfActive {
            if try LocalFile.size(of: target) == size {
                // Perhaps by a request that was killed before it could sync the name.
                return try Self.synchronize(folder, ofNew: target)
            }
            let file = size == 0 ? try LocalFile.openForAppending(source) : try LocalFile.openForReading(source)
            try file.lock()
            defer { file.unlock() }
            guard try file.isNamed(source) else {
                throw ObjectStorageError(.busy, "Another request has ended the upload \(upload).")
            }
            guard try file.size() >= size else {
                throw ObjectStorageError(.tooShort, "The upload \(upload) holds fewer than \(size) bytes.")
            }
            if try file.size() > size { try LocalFile.openForAppending(source).truncate(to: size) }
            do { try file.synchronize() } catch {
                // The kernel forgets what it could not write, and the next sync would succeed without it.
                unlink(source)
                throw error
            }
            try LocalFile.makeFolder(folder, below: root)
            guard rename(source, target) == 0 else { throw ObjectStorageError.system("Storing \(key)") }
            try Self.synchronize(folder, ofNew: target)
        }
    }

    /// The name must survive a power failure as well as the bytes. Where it may not, the object is none.
    private static func synchronize(_ folder: String, ofNew target: String) throws {
        do { try LocalFile.openForReading(folder).synchronize() } catch {
            unlink(target)
            throw error
        }
    }

    /// What was appended is synced when the upload ends: until then it survives the program, but not the machine.
    package func isKept(_ mark: UploadMark) -> Bool { mark.offset == 0 || mark.state == Machine.boot }

    package func discard(_ upload: UploadKey) async throws { try await remove(path(of: upload)) }

    package func content(of key: ObjectKey) async throws -> ObjectContent? {
        // Asked on the caller's own thread: this is one call of the kernel, most often without the disk, and handing it to
        // another thread and back costs ten times as much.
        let path = path(of: key)
        return try LocalFile.size(of: path).map { .file(path: path, sizeBytes: $0) }
    }

    package func delete(_ key: ObjectKey) async throws { try await remove(path(of: key)) }

    package func objects(after key: ObjectKey?, limit: Int) async throws -> [StoredObject] {
        try await NIOThreadPool.singleton.runIfActive { try listing(after: key, limit: limit) }
    }

    package func freeBytes() async throws -> Int64? {
        // Of the marker and not of the folder: where a disk is not mounted any more, its empty folder is still there.
        let marker = "\(root)/\(Self.marker)"
        return try await NIOThreadPool.singleton.runIfActive { try LocalFile.freeBytes(beside: marker) }
    }

    private func remove(_ path: String) async throws {
        try await NIOThreadPool.singleton.runIfActive {
            guard unlink(path) == 0 || errno == ENOENT else { throw ObjectStorageError.system("Removing \(path)") }
        }
    }

    private func path(of upload: UploadKey) -> String { "\(root)/uploads/\(upload.text)" }
    private func path(of key: ObjectKey) -> String { "\(root)/\(key.text)" }

    private func prepare() throws {
        do {
            try FileManager.default.createDirectory(
                atPath: root, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch { throw ObjectStorageError(.failed, "The storage folder \(root) can't be made: \(error)") }
        let names: [String]
        do { names = try FileManager.default.contentsOfDirectory(atPath: root) } catch {
            throw ObjectStorageError(.failed, "The storage folder \(root) can't be read: \(error)")
        }
        if !names.contains(Self.marker) {
            guard names.allSatisfy({ $0 == "lost+found" }) else {
                throw ObjectStorageError(
                    .foreign,
                    "The storage folder \(root) is not empty and was not made by this registry: give it an empty folder."
                )
            }
            let marker = try LocalFile.openForAppending("\(root)/\(Self.marker)")
            try Array("RegistryLite storage, layout 1\n".utf8).withUnsafeBytes { try marker.write($0) }
            try marker.synchronize()
        }
        try LocalFile.makeFolder("\(root)/uploads", below: root)
        try LocalFile.openForReading(root).synchronize()
        // The folder itself may be as new as what is in it, and so may those above it.
        var folder = root
        while folder != "/", !folder.isEmpty {
            folder = LocalFile.parent(of: folder)
            do { try LocalFile.openForReading(folder.isEmpty ? "/" : folder).synchronize() } catch { break }
        }
    }
}
