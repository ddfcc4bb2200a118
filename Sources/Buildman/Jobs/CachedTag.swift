import Domain
import Foundation
import RegistryCore
import Runtime
import SQL

/// Finds the tag whose layers a build may reuse: one of its own tags that is alive, else the repository's newest.
struct CachedTag: Sendable {
    let database: any Database
    let clock: WallClock

    /// Nil when there is nothing to reuse.
    func find(for key: JobKey) async throws -> String? {
        let now = clock.now
        return try await database.read { transaction in
            guard let build = try BuildStore.find(uuid: key.buildUUID, in: transaction) else { return nil }
            return try CachedTagStore.find(
                among: build.config.dockerTags, inRepository: build.repositoryID, at: now, in: transaction)
        }
    }
}
