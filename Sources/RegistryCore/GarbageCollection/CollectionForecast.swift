import Foundation
import Runtime
import SQL

/// `gc --dry-run`: says what a collector would remove now, and changes nothing.
///
/// It goes the other way than the collector, down from what is kept, and so is a second opinion as well.
package struct CollectionForecast: Sendable {
    /// What would go from one repository.
    package struct Loss: Sendable, Hashable, CustomStringConvertible {
        package let repository: String
        package let isDeleted: Bool
        package var tags = 0
        package var manifests = 0
        package var links = 0
        /// Blobs that no other repository has, or loses as well and stands later in the list.
        package var blobs = 0
        package var bytes: Int64 = 0

        package var isNothing: Bool { tags == 0 && manifests == 0 && links == 0 && !isDeleted }

        package var description: String {
            "\(repository)\(isDeleted ? " (deleted)" : ""): \(tags) tags, \(manifests) manifests, \(blobs) blobs, "
                + "\(bytes) bytes"
        }
    }

    private static let page = 100

    private let platform: Platform

    package init(platform: Platform) { self.platform = platform }

    /// The losses of the repositories that lose something, in the order of their making.
    package func run() async throws -> [Loss] {
        let now = platform.clock.now
        var losses: [(loss: Loss, blobs: [Int64])] = []
        var last: Int64 = 0
        while true {
            let page = try await platform.database.read { [last] transaction in
                try ForecastStore.repositories(after: last, limit: Self.page, in: transaction).map {
                    ($0.id, try Self.loss(of: $0, at: now, transaction))
                }
            }
            guard let end = page.last else { break }
            last = end.0
            losses += page.map(\.1).filter { !$0.0.isNothing }
        }
        let going = losses.reduce(into: [Int64: Int]()) { count, entry in
            for blob in entry.blobs { count[blob, default: 0] += 1 }
        }
        var freed = try await platform.database.read { try ForecastStore.freed(going, in: $0) }
        return losses.map { entry in
            var loss = entry.loss
            for blob in entry.blobs {
                guard let size = freed.removeValue(forKey: blob) else { continue }
                loss.blobs += 1
                loss.bytes += size
            }
            return loss
        }
    }

    private static func loss(
        of repository: ForecastStore.RepositoryRow, at now: Date, _ transaction: any Transaction
    ) throws -> (Loss, blobs: [Int64]) {
        var loss = Loss(repository: repository.name, isDeleted: repository.isDeleted)
        let tags = try ForecastStore.tags(ofRepository: repository.id, at: now, in: transaction)
        let manifests = try ForecastStore.manifests(ofRepository: repository.id, in: transaction)
        let links = try ForecastStore.links(ofRepository: repository.id, in: transaction)
        var kept = repository.isDeleted ? [] : tags.kept
        var frontier = kept
        while let holder = frontier.popFirst() {
            for held in manifests.held[holder] ?? [] where kept.insert(held).inserted { frontier.insert(held) }
        }
        let going = links.pins.filter { blob, pin in
            repository.isDeleted || (pin <= now && !(links.users[blob] ?? []).contains(where: kept.contains))
        }.keys.sorted()
        loss.tags = repository.isDeleted ? tags.all : tags.overdue
        loss.manifests = manifests.all.subtracting(kept).count
        loss.links = going.count
        return (loss, going)
    }
}
