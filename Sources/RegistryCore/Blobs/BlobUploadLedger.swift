import Domain
import Foundation
import OCI
import ObjectStorage
import Runtime
import SQL
import Synchronization

/// The row of one upload, as the location that stores its bytes sees it for the time of one request.
///
/// Offset, hash and the location's own words move together in one compare-and-set, so a request that lost the race has
/// changed nothing, and any replica goes on from the row alone.
final class BlobUploadLedger: UploadLedger {
    private struct State {
        var hasher: DigestHasher
        var progress: UploadProgress
    }

    private let platform: Platform
    private let upload: BlobUpload
    private let piece: UploadProgress.Piece?
    private let state: Mutex<State>

    /// - Parameters:
    ///   - hasher: the hash of what the row counts.
    ///   - piece: what the request says it brings; nil for a stream.
    init(_ upload: BlobUpload, hasher: DigestHasher, piece: UploadProgress.Piece?, platform: Platform) {
        self.platform = platform
        self.upload = upload
        self.piece = piece
        state = Mutex(State(hasher: hasher, progress: UploadProgress(offset: upload.mark.offset)))
    }

    /// Where the upload stands, as far as it was acknowledged.
    var progress: UploadProgress { state.withLock { $0.progress } }

    func confirm() async throws {
        let written = try await platform.database.read { [uuid = upload.uuid] in
            try BlobUploadStore.mark(of: uuid, in: $0)
        }
        guard written == upload.mark else { throw refusal(of: written) }
    }

    /// Whether somebody else wrote meanwhile, or ended the upload.
    private func refusal(of written: UploadMark?) -> RegistryError {
        written == nil ? BlobUploadService.unknown(upload.uuid) : BlobUploadService.busy
    }

    func observe(_ bytes: UnsafeRawBufferPointer) { state.withLock { $0.hasher.update(bytes) } }

    /// A stream that broke counts as far as it came; a piece counts whole or not at all.
    func acknowledge(_ mark: UploadMark, after failure: (any Error)?) async throws {
        if failure != nil, piece != nil { return }
        let (hash, moved) = try state.withLock { state -> (String, UploadProgress) in
            var moved = state.progress
            do throws(UploadProgress.Mismatch) {
                try moved.advance(by: mark.offset - moved.offset, as: piece)
            } catch { throw BlobUploadService.outOfRange(error) }
            return (state.hasher.saved, moved)
        }
        let now = platform.clock.now
        let (isOurs, written) = try await platform.database.write { [upload] transaction in
            (
                try BlobUploadStore.advance(upload, to: mark, hash: hash, at: now, in: transaction),
                try BlobUploadStore.mark(of: upload.uuid, in: transaction)
            )
        }
        guard isOurs else { throw refusal(of: written) }
        state.withLock { $0.progress = moved }
    }
}
