package import Foundation
import Runtime
import SQL

/// The lease under which a long step runs: taken at its start, extended on the way, given back at its end.
///
/// A process that dies keeps it for ``lifetime`` at most.
package struct StepLease: Sendable {
    /// Seconds.
    package static let lifetime: TimeInterval = 120

    private let name: String
    private let holder: String
    private let platform: Platform
    private let expires: Date

    private init(_ name: String, _ holder: String, _ platform: Platform, expires: Date) {
        self.name = name
        self.holder = holder
        self.platform = platform
        self.expires = expires
    }

    /// The lease of that name; nil while another process has it.
    package static func take(_ name: String, on platform: Platform) async throws -> StepLease? {
        try await take(name, platform.identifiers.uuid(), platform)
    }

    private static func take(_ name: String, _ holder: String, _ platform: Platform) async throws -> StepLease? {
        let now = platform.clock.now
        let isOurs = try await platform.database.write {
            try StepLeaseStore.take(name, by: holder, until: now + lifetime, at: now, in: $0)
        }
        return isOurs ? StepLease(name, holder, platform, expires: now + lifetime) : nil
    }

    /// The same lease, extended where more than half of it is over; nil when another process took it meanwhile.
    package func kept() async throws -> StepLease? {
        guard platform.clock.now > expires - Self.lifetime / 2 else { return self }
        return try await Self.take(name, holder, platform)
    }

    /// Lets others have it at once.
    package func release() async throws {
        try await platform.database.write { [name, holder] in try StepLeaseStore.release(name, by: holder, in: $0) }
    }
}
