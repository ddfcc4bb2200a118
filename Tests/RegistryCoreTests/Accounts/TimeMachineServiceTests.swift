import Domain
import Foundation
import SQL
import TestSupport
import Testing

@testable import RegistryCore

@Suite("Choosing a time machine") struct TimeMachineServiceTests {
    private func settings(_ text: String) throws -> TagSettings {
        TagSettings(try ConfigurationFolder.load("FEATURE_MAILING: false\n" + text))
    }

    private func timeMachine(_ room: TagRoom, _ id: Int64) async throws -> TimeMachine? {
        try await room.database.read { try AccountStore.timeMachine(ofNamespace: id, in: $0) }
    }

    @Test("the configuration's keys arrive, with Quay's defaults") func configuration() throws {
        let standard = try settings("")
        #expect(standard.timeMachine == .standard)
        #expect(
            standard.timeMachineOptions.map(\.seconds) == [0, 86_400, 604_800, 1_209_600, 2_419_200])
        #expect(standard.expiration == .standard)
        #expect(standard.mayChangeTimeMachine && standard.untaggedSeconds == 3600)
        #expect(standard.reservedLabelPrefixes.contains("quay"))
        let other = try settings(
            """
            TAG_EXPIRATION_OPTIONS: [1h, 3d]
            DEFAULT_TAG_EXPIRATION: 3d
            LABELED_EXPIRATION_MINIMUM: 5m
            LABELED_EXPIRATION_MAXIMUM: 10w
            FEATURE_CHANGE_TAG_EXPIRATION: false
            PUSH_TEMP_TAG_EXPIRATION_SEC: 60
            LABEL_KEY_RESERVED_PREFIXES: [acme.]
            """)
        #expect(other.timeMachine.seconds == 259_200)
        #expect(other.timeMachineOptions.map(\.seconds) == [3600, 259_200])
        #expect(other.expiration.allowedSeconds == 300...6_048_000)
        #expect(!other.mayChangeTimeMachine && other.untaggedSeconds == 60)
        #expect(other.reservedLabelPrefixes.last == "acme.")
    }

    @Test(
        "new users and organizations begin with the configured one", arguments: TestDatabase.allEngines)
    func creation(_ engine: TestDatabase.Engine) async throws {
        let core = try await CoreFixture(engine)
        let day = TimeMachine(seconds: 86_400)
        let user = try await AccountService(platform: core.platform, timeMachine: day).create(
            .init(username: "fresh", password: "password", email: nil), .signUp)
        #expect(user.tagExpirationSeconds == 86_400)
        let access = try core.registry.access.user(.userAdmin, for: core.caller(user))
        let organization = try await OrganizationService(platform: core.platform, timeMachine: day).create(
            "acme", email: nil, by: access)
        #expect(organization.tagExpirationSeconds == 86_400)
    }

    @Test("new namespaces begin with DEFAULT_NAMESPACE_MAXIMUM_BUILD_COUNT", arguments: [nil, 0, 7])
    func queueLimit(_ limit: Int?) async throws {
        let core = try await CoreFixture(.sqlite)
        let user = try await AccountService(platform: core.platform, maximumQueuedBuilds: limit).create(
            .init(username: "fresh", password: "password", email: nil), .signUp)
        let access = try core.registry.access.user(.userAdmin, for: core.caller(user))
        let organization = try await OrganizationService(platform: core.platform, maximumQueuedBuilds: limit).create(
            "acme", email: nil, by: access)
        for id in [user.id, organization.id] {
            #expect(
                try await core.database.read { try BuildStore.maximumQueuedBuilds(ofNamespace: id, in: $0) } == limit)
        }
    }

    @Test(
        "a namespace takes an option, and its repositories see it", arguments: TestDatabase.allEngines)
    func change(_ engine: TestDatabase.Engine) async throws {
        let room = try await TagRoom(engine)
        let owner = try await room.registry.access.namespace(
            Username("owner"), .administer, for: room.fixture.caller())
        let service = room.registry.timeMachines
        try await service.change(to: TimeMachine(seconds: 0), in: owner)
        #expect(try await timeMachine(room, 1)?.seconds == 0)
        #expect(try await room.proof().repository.timeMachine.seconds == 0)
        #expect(try await timeMachine(room, 2) == .standard)
        #expect(
            try await room.kind { try await service.change(to: TimeMachine(seconds: 1), in: owner) }
                == .invalidRequest)
        // The same again is no change, and no line.
        try await service.change(to: TimeMachine(seconds: 0), in: owner)
        #expect(try await room.log() == ["user_change_tag_expiration tag_expiration=0"])
    }

    @Test("where namespaces may not choose, nothing happens") func fixed() async throws {
        let room = try await TagRoom(settings: TagSettings(mayChangeTimeMachine: false))
        let owner = try await room.registry.access.namespace(
            Username("owner"), .administer, for: room.fixture.caller())
        try await room.registry.timeMachines.change(to: TimeMachine(seconds: 0), in: owner)
        #expect(try await timeMachine(room, 1) == .standard)
        #expect(try await room.log().isEmpty)
    }
}
