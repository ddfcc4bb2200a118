import Domain
import Foundation
import SQL
import Secrets
import TestSupport
import Testing

@testable import RegistryCore

@Suite("Service keys") struct ServiceKeysTests {
    private static func replica(_ core: CoreFixture) -> Registry {
        Registry(platform: core.platform, site: core.registry.site)
    }

    @Test(
        "the next key is made in time, published before it signs, and all replicas agree",
        arguments: TestDatabase.allEngines)
    func rotation(_ engine: TestDatabase.Engine) async throws {
        let core = try await CoreFixture(engine)
        let replicas = [core.registry, Self.replica(core), Self.replica(core)]
        let first = try await core.registry.serviceKeys.signingKeyID()
        for replica in replicas { #expect(try await replica.serviceKeys.signingKeyID() == first) }
        core.advance(ServiceKeyRule().refreshTime - 1)
        for replica in replicas { try await KeyRotationStep(keys: replica.serviceKeys).run() }
        #expect(try await core.registry.serviceKeys.publicKeys().map(\.kid) == [first])
        core.advance(2)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for replica in replicas { group.addTask { try await KeyRotationStep(keys: replica.serviceKeys).run() } }
            try await group.waitForAll()
        }
        let published = try await core.registry.serviceKeys.publicKeys().map(\.kid)
        #expect(published.count == 2)
        let second = try #require(published.first { $0 != first })
        for replica in replicas { #expect(try await replica.serviceKeys.signingKeyID() == first) }
        core.advance(ServiceKeys.publicationLead)
        for replica in replicas {
            try await KeyRotationStep(keys: replica.serviceKeys).run()
            #expect(try await replica.serviceKeys.signingKeyID() == second)
        }
    }

    @Test("a key stays as long as the longest token that it signed", arguments: TestDatabase.allEngines)
    func longTokens(_ engine: TestDatabase.Engine) async throws {
        let core = try await CoreFixture(engine)
        let keys = ServiceKeys(platform: core.platform, service: "buildman")
        let tokens = JobTokens(core.platform, keys: keys, audience: "buildman")
        let job = JobKey(buildUUID: "6b5f3c7e-0000-4000-8000-000000000000", attempt: 1)
        // Longer than any key signs and is kept by itself: a build that may take two days.
        let lifetime: TimeInterval = 48 * 3600
        let token = try await tokens.issue(.job, for: job, until: core.now + lifetime)
        // A second manager, which learns of the key from the database alone.
        let other = ServiceKeys(platform: core.platform, service: "buildman")
        for _ in 0..<47 {
            core.advance(3600)
            try await KeyRotationStep(keys: keys).run()
            try await KeyRotationStep(keys: other).run()
            #expect(try await tokens.read(token, as: .job) == job)
            #expect(
                try await JobTokens(core.platform, keys: other, audience: "buildman").read(token, as: .job) == job)
        }
        core.advance(3601)
        await #expect(throws: JobTokens.Refused.self) { _ = try await tokens.read(token, as: .job) }
        core.advance(3600)
        try await KeyRotationStep(keys: keys).run()
        let kid = try #require(try Self.kid(of: token))
        #expect(!(try await keys.publicKeys().map(\.kid).contains(kid)))
    }

    @Test("a manager that has just started believes all who come at once", arguments: TestDatabase.allEngines)
    func manyAtOnce(_ engine: TestDatabase.Engine) async throws {
        let core = try await CoreFixture(engine)
        let job = JobKey(buildUUID: "6b5f3c7e-0000-4000-8000-000000000000", attempt: 1)
        let keys = ServiceKeys(platform: core.platform, service: "buildman")
        let token = try await JobTokens(core.platform, keys: keys, audience: "buildman")
            .issue(.job, for: job, until: core.now + 60)
        for _ in 0..<20 {
            let started = JobTokens(
                core.platform, keys: ServiceKeys(platform: core.platform, service: "buildman"), audience: "buildman")
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<20 {
                    group.addTask {
                        let read = try await started.read(token, as: .job)
                        #expect(read == job)
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    @Test(
        "SEC-Key/issuer trust: a revoked key stops counting in every replica within 5 seconds",
        arguments: TestDatabase.allEngines)
    func revoked(_ engine: TestDatabase.Engine) async throws {
        let core = try await CoreFixture(engine)
        let replica = Self.replica(core)
        let owner = try await core.user("owner")
        let token = try await core.registry.registryTokens.grant(
            [], to: core.caller(owner), service: CoreFixture.hostname
        ).text
        for registry in [core.registry, replica] {
            _ = try await registry.registryTokenVerifier.caller(token: token)
        }
        let kid = try #require(try Self.kid(of: token))
        try await core.registry.serviceKeys.revoke(kid)
        core.advance(5)
        // The worker that runs every three seconds.
        try await KeyRotationStep(keys: replica.serviceKeys).run()
        for registry in [core.registry, replica] {
            #expect(
                try await CoreFixture.kind { _ = try await registry.registryTokenVerifier.caller(token: token) }
                    == .badCredentials)
            #expect(!(try await registry.serviceKeys.publicKeys().map(\.kid).contains(kid)))
        }
        let next = try await replica.registryTokens.grant([], to: core.caller(owner), service: CoreFixture.hostname)
        _ = try await core.registry.registryTokenVerifier.caller(token: next.text)
    }

    @Test("the configured lifetime of registry tokens is kept and demanded") func lifetime() async throws {
        let core = try await CoreFixture { $0.registryTokens.maximumLifetimeSeconds = 600 }
        let owner = try await core.user("owner")
        let token = try await core.registry.registryTokens.grant(
            [], to: core.caller(owner), service: CoreFixture.hostname)
        #expect(token.lifetimeSeconds == 600)
        _ = try await core.registry.registryTokenVerifier.caller(token: token.text)
        // A replica with the default makes longer ones.
        var site = core.registry.site
        site.registryTokens = RegistryTokenRule()
        let longer = try await Registry(platform: core.platform, site: site).registryTokens.grant(
            [], to: core.caller(owner), service: CoreFixture.hostname)
        #expect(longer.lifetimeSeconds == 3600)
        #expect(
            try await CoreFixture.kind { _ = try await core.registry.registryTokenVerifier.caller(token: longer.text) }
                == .badCredentials)
    }

    private static func kid(of token: String) throws -> String? {
        let header = try #require(Base64URL.decode(String(token.split(separator: ".")[0])))
        return (try JSONSerialization.jsonObject(with: Data(header)) as? [String: Any])?["kid"] as? String
    }
}
