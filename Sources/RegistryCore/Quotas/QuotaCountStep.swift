import Foundation
import Runtime
import SQL

/// Counts again the namespaces with a quota from which something went away, and each now and then.
package struct QuotaCountStep: Sendable {
    /// How old a count may become. Seconds.
    private static let longestAge: TimeInterval = 3600
    private static let batch = 100

    private let platform: Platform
    private let meter: QuotaMeter
    private let isOn: Bool

    package init(platform: Platform, meter: QuotaMeter, settings: QuotaSettings) {
        self.platform = platform
        self.meter = meter
        isOn = settings.isOn
    }

    /// One pass over at most a batch. Without quota management nothing is measured, so what was measured is forgotten.
    package func run() async throws {
        guard isOn else {
            _ = try await platform.database.write { try QuotaUsageStore.endAll(in: $0) }
            return
        }
        let before = platform.clock.now - Self.longestAge
        let due = try await platform.database.read {
            try QuotaUsageStore.due(before: before, limit: Self.batch, in: $0)
        }
        for namespaceID in due { try await meter.count(namespaceID) }
    }
}
