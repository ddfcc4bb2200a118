import Domain
import Foundation
import Gzip
package import NIOCore
import NIOPosix
package import ObjectStorage
import Runtime

/// Reads the archived logs of builds, whole or from any entry on, holding one part of an object at a time.
package struct BuildLogArchiveReader: Sendable {
    private let platform: Platform

    package init(platform: Platform) { self.platform = platform }

    /// The entries from position `start` on: at most `limit`, and fewer where they are long; none only at the end.
    ///
    /// Errors: `.unavailable`, `.internalError` when the object is lost or damaged.
    func page(of archive: BuildLogArchive, from start: Int, limit: Int) async throws -> BuildLogPage {
        let start = max(start, 0)
        var entries: [BuildLogEntry] = []
        var size = 0
        let first = archive.marks.lastIndex { $0.position <= start } ?? 0
        for number in archive.marks.indices.dropFirst(first) {
            guard entries.count < limit, size < BuildLogEntryStore.pageBytes else { break }
            var position = archive.marks[number].position
            for line in try await part(number, of: archive).split(separator: UInt8(ascii: "\n")) {
                // Between the entries stand the beginning and the end of the object.
                guard line.starts(with: #"{"message":"#.utf8) else { continue }
                defer { position += 1 }
                guard position >= start, entries.count < limit else { continue }
                entries.append(try Self.entry(line))
                size += line.count
            }
        }
        return BuildLogPage(start: start, total: archive.entryCount, entries: entries)
    }

    /// The whole object, unpacked: `{"start":0,"total":n,"logs":[…]}`. Errors: as ``page(of:from:limit:)``.
    package func text(of archive: BuildLogArchive) -> AsyncThrowingStream<ByteBuffer, any Error> {
        let parts = Parts(count: archive.marks.count)
        return AsyncThrowingStream {
            guard let number = await parts.next() else { return nil }
            return ByteBuffer(bytes: try await part(number, of: archive))
        }
    }

    /// The object as it is stored, gzipped. Errors: as ``page(of:from:limit:)``.
    package func content(of archive: BuildLogArchive) async throws -> ObjectContent {
        do {
            guard let store = platform.locations.store(at: archive.location) else {
                throw Self.lost(archive, "its location is not configured")
            }
            guard let content = try await store.content(of: ObjectKey(stored: archive.objectKey)),
                content.sizeBytes == archive.sizeBytes
            else { throw Self.lost(archive, "it is not there, or of another size") }
            return content
        } catch let error as ObjectStorageError { throw Self.translated(error) }
    }

    private func part(_ number: Int, of archive: BuildLogArchive) async throws -> [UInt8] {
        let start = archive.marks[number].offset
        let end = number + 1 < archive.marks.count ? archive.marks[number + 1].offset : archive.sizeBytes
        guard start <= end, end <= archive.sizeBytes else { throw Self.lost(archive, "its marks lead nowhere") }
        let packed: [UInt8]
        do { packed = try await Self.bytes(start..<end, of: content(of: archive)) } catch let error
            as ObjectStorageError
        { throw Self.translated(error) }
        let reader = GzipReader(at: .flushed)
        reader.feed(packed)
        var text: [UInt8] = []
        do { while let piece = try reader.next() { text += piece } } catch {
            throw Self.lost(archive, error.description)
        }
        return text
    }

    private static func bytes(_ range: Range<Int64>, of content: ObjectContent) async throws -> [UInt8] {
        switch content {
        case .memory(let buffer):
            return buffer.getBytes(at: buffer.readerIndex + Int(range.lowerBound), length: range.count) ?? []
        case .remote(let object):
            var bytes: [UInt8] = []
            for try await piece in try await object.read(range) { bytes += piece.readableBytesView }
            return bytes
        case .file(let path, _):
            return try await NIOThreadPool.singleton.runIfActive {
                guard let file = FileHandle(forReadingAtPath: path) else {
                    throw ObjectStorageError(.failed, "The object \(path) can't be opened.")
                }
                defer { try? file.close() }
                try file.seek(toOffset: UInt64(range.lowerBound))
                return [UInt8](try file.read(upToCount: range.count) ?? Data())
            }
        }
    }

    private static func entry(_ line: ArraySlice<UInt8>) throws -> BuildLogEntry {
        do { return try BuildLogEntryJSON.read(line.last == UInt8(ascii: ",") ? line.dropLast() : line) } catch {
            throw RegistryError(.internalError, "An archived log can't be read.", cause: error)
        }
    }

    private static func lost(_ archive: BuildLogArchive, _ reason: String) -> RegistryError {
        RegistryError(
            .internalError, "The archived log can't be read.",
            cause: ObjectStorageError(.failed, "\(archive.location)/\(archive.objectKey): \(reason)"))
    }

    private static func translated(_ error: ObjectStorageError) -> RegistryError {
        error.kind == .unavailable
            ? RegistryError(
                .unavailable, "The registry's storage does not answer: try again in a while.", cause: error)
            : RegistryError(.internalError, "The archived log can't be read.", cause: error)
    }

    /// Counts the parts that were read.
    private actor Parts {
        private let count: Int
        private var last = 0

        init(count: Int) { self.count = count }

        func next() -> Int? {
            guard last < count else { return nil }
            defer { last += 1 }
            return last
        }
    }
}
