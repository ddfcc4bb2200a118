import Archive
import Domain
import Foundation
import Runtime

/// Unpacks an archive on a thread of its own: it blocks, and heartbeats must go on meanwhile.
actor TarExtraction {
    private let executor = QueueExecutor(label: "extraction")

    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// Unpacks `archive` into the empty folder `folder`. Throws ``BuildFailure``, or `CancellationError`.
    func perform(_ archive: URL, into folder: URL, limits: ArchiveLimits = ArchiveLimits()) throws {
        do { try ArchiveReader.extract(archive, into: folder, limits: limits) } catch let error as ArchiveError {
            throw BuildFailure(.cannotExtractBuildPack, error.description)
        }
    }
}
