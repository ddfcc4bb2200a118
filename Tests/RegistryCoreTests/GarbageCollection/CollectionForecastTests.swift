import Domain
import Foundation
import SQL
import TestSupport
import Testing

@testable import RegistryCore

@Suite("What garbage collection would do") struct CollectionForecastTests {
    @Test("names what each repository would lose, and changes nothing", arguments: TestDatabase.allEngines)
    func losses(engine: TestDatabase.Engine) async throws {
        let depot = try await Depot(engine, repositories: ["owner/app", "owner/other", "owner/gone"])
        let forecast = CollectionForecast(platform: depot.core.platform)
        try await depot.pushImage("layer", tag: "v1")
        try await depot.pushImage("layer", tag: "v1", to: "owner/other")
        try await depot.pushImage("lost", tag: "v1", to: "owner/gone")
        #expect(try await forecast.run() == [])
        try await depot.delete(tag: "v1")
        try await depot.registry.repositories.delete(depot.proof("owner/gone", .admin))
        depot.core.advance(Depot.window)
        let losses = try await forecast.run()
        #expect(
            losses.map(\.description) == [
                "owner/app: 1 tags, 1 manifests, 0 blobs, 0 bytes",
                "owner/gone (deleted): 1 tags, 1 manifests, 1 blobs, 4 bytes",
            ])
        #expect(try await forecast.run() == losses)
        #expect(try await depot.rows("SELECT COUNT(*) FROM manifest") == 3)
        try await depot.delete(tag: "v1", from: "owner/other")
        depot.core.advance(Depot.window)
        #expect(try await forecast.run().map(\.blobs) == [2, 0, 1])
        _ = try await DeletionStep(platform: depot.core.platform).run()
        try await depot.collect()
        #expect(try await forecast.run() == [])
    }
}
