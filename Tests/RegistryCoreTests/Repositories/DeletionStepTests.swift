import Domain
import Foundation
import NIOCore
import OCI
import ObjectStorage
import SQL
import Secrets
import TestSupport
import Testing

@testable import RegistryCore

@Suite("Deleting repositories and namespaces") struct DeletionStepTests {
    private static let nothing: [Query] = [
        "SELECT COUNT(*) FROM manifest", "SELECT COUNT(*) FROM blob", "SELECT COUNT(*) FROM repository_blob",
        "SELECT COUNT(*) FROM tag", "SELECT COUNT(*) FROM garbage_object", "SELECT COUNT(*) FROM repository",
        "SELECT COUNT(*) FROM deleted_repository", "SELECT COUNT(*) FROM blob_upload",
    ]

    @Test(
        "a deleted repository's name is free at once, and all that was in it goes", arguments: TestDatabase.allEngines)
    func repository(engine: TestDatabase.Engine) async throws {
        let depot = try await Depot(engine)
        let child = try await depot.pushImage("layer", tag: "v1")
        try await depot.push(Depot.index([child]), tag: "all")
        try await depot.pushImage("signature", subject: child)
        try await depot.delete(tag: "v1")
        let blob = try await depot.upload("layer")
        let access = try await depot.proof("owner/app", .admin)
        let upload = try await depot.registry.blobUploads.begin(in: access)
        _ = try await depot.registry.blobUploads.append(Depot.stream("half"), to: upload.uuid, in: access)
        try await depot.registry.repositories.delete(access)
        // Whoever proved access before is refused inside the transaction that would write.
        for attempt in [
            { _ = try await depot.registry.blobUploads.begin(in: access) },
            { _ = try await depot.registry.blobUploads.mount(blob.digest, from: access, in: access) },
            {
                _ = try await depot.registry.manifests.put(
                    Depot.image(layers: ["layer"]), contentType: nil, reference: .tag(TagName("v2")), in: access)
            },
            { try await depot.registry.repositories.delete(access) },
            { _ = try await depot.proof() },
        ] {
            #expect(try await CoreFixture.kind(attempt) == .nameUnknown)
        }
        try await depot.core.repository("owner/app", of: depot.owner)
        try await depot.pushImage("new", tag: "v1")
        let step = DeletionStep(platform: depot.core.platform)
        #expect(try await step.run()?.repositories == 1)
        #expect(try await depot.core.platform.objects.content(of: blob.key) == nil)
        #expect(try await depot.hasBlob("new"))
        #expect(try await depot.hasBlob("config"))
        #expect(try await depot.rows("SELECT COUNT(*) FROM manifest") == 1)
        #expect(try await step.run()?.isEmpty == true)
        try await depot.registry.repositories.delete(depot.proof("owner/app", .admin))
        #expect(try await step.run()?.repositories == 1)
        for table in Self.nothing { #expect(try await depot.rows(table) == 0) }
        #expect(try await depot.rows("SELECT COUNT(*) FROM audit_log WHERE kind = 'delete_repo'") == 2)
    }

    @Test("SEC-Cross-tenant object use (IDOR): what another repository uses stays, and only there is it readable")
    func shared() async throws {
        let depot = try await Depot(repositories: ["owner/app", "owner/other"])
        try await depot.pushImage("layer", tag: "v1")
        try await depot.pushImage("layer", tag: "v1", to: "owner/other")
        try await depot.registry.repositories.delete(depot.proof("owner/app", .admin))
        let counts = try await DeletionStep(platform: depot.core.platform).run()
        #expect(counts?.blobs == 0)
        #expect(try await depot.hasBlob("layer", in: "owner/other"))
    }

    @Test(
        "a deleted organization's name is free at once, its robots and members have nothing any more, and its content goes",
        arguments: TestDatabase.allEngines)
    func organization(engine: TestDatabase.Engine) async throws {
        let depot = try await Depot(engine, repositories: [])
        let core = depot.core
        try await core.organization("acme", of: depot.owner)
        try await core.repository("acme/app", of: depot.owner)
        try await depot.pushImage("layer", tag: "v1", to: "acme/app")
        let robot = try await core.robot("acme+ci", of: depot.owner)
        let access = try await depot.proof("acme/app", .admin)
        try await core.registry.organizations.delete(in: core.namespace("acme", of: depot.owner))
        #expect(
            try await CoreFixture.kind {
                _ = try await core.registry.basic.caller(CoreFixture.basic("acme+ci", robot.token.text))
            } != nil)
        #expect(
            try await CoreFixture.kind { _ = try await core.registry.blobUploads.begin(in: access) } == .nameUnknown)
        // All names can be had again: the organization's, the repository's and the robot's.
        try await core.organization("acme", of: depot.owner)
        try await core.repository("acme/app", of: depot.owner)
        _ = try await core.robot("acme+ci", of: depot.owner)
        let counts = try await DeletionStep(platform: core.platform).run()
        #expect(counts?.repositories == 1)
        #expect(counts?.namespaces == 1)
        #expect(counts?.blobs == 2)
        #expect(try await depot.rows("SELECT COUNT(*) FROM deleted_namespace") == 0)
        #expect(try await depot.rows("SELECT COUNT(*) FROM account WHERE kind = 'robot'") == 1)
        #expect(try await depot.rows("SELECT COUNT(*) FROM account WHERE kind = 'organization'") == 1)
    }

    @Test("SEC-Authorisation slips: only who administers an organization deletes it")
    func organizationRights() async throws {
        let depot = try await Depot(repositories: [])
        try await depot.core.organization("acme", of: depot.owner)
        let own = try await depot.core.namespace("owner", of: depot.owner)
        // A user's namespace is no organization.
        #expect(
            try await CoreFixture.kind { try await depot.registry.organizations.delete(in: own) } == .forbidden)
        try await depot.core.database.write { try $0.run("UPDATE team SET role = 'creator'") }
        let creator = try await depot.core.namespace("acme", of: depot.owner, right: .createRepositories)
        #expect(
            try await CoreFixture.kind { try await depot.registry.organizations.delete(in: creator) } == .forbidden)
    }

    @Test("a user who is an organization's only administrator stays until that is settled")
    func user() async throws {
        let depot = try await Depot()
        let core = depot.core
        try await depot.pushImage("layer", tag: "v1")
        try await core.organization("acme", of: depot.owner)
        let user = try core.registry.access.user(.userAdmin, for: depot.caller)
        #expect(
            try await CoreFixture.kind { try await core.registry.accounts.delete(user) } == .invalidRequest)
        try await core.registry.organizations.delete(in: core.namespace("acme", of: depot.owner))
        try await core.registry.accounts.delete(user)
        #expect(try await CoreFixture.kind { try await core.registry.accounts.delete(user) } == .notFound)
        #expect(try await core.registry.accounts.user(named: Username("owner")) == nil)
        try await core.user("owner")
        let counts = try await DeletionStep(platform: core.platform).run()
        #expect(counts?.namespaces == 2)
        for table in Self.nothing { #expect(try await depot.rows(table) == 0) }
    }

    @Test("the two features are apart") func scopes() async throws {
        let depot = try await Depot()
        try await depot.pushImage("layer", tag: "v1")
        try await depot.registry.repositories.delete(depot.proof("owner/app", .admin))
        #expect(try await DeletionStep(platform: depot.core.platform, scope: .namespaces).run()?.isEmpty == true)
        #expect(try await DeletionStep(platform: depot.core.platform, scope: .repositories).run()?.repositories == 1)
    }

    @Test("stopped in the middle, the next pass goes on") func stopped() async throws {
        struct Stop: Error {}
        let depot = try await Depot()
        try await depot.pushImage("layer", tag: "v1")
        try await depot.registry.repositories.delete(depot.proof("owner/app", .admin))
        await #expect(throws: Stop.self) {
            try await DeletionStep(platform: depot.core.platform) { throw Stop() }.run()
        }
        #expect(try await DeletionStep(platform: depot.core.platform).run()?.repositories == 1)
        for table in Self.nothing { #expect(try await depot.rows(table) == 0) }
    }
}
