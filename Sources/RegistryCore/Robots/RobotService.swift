package import Domain
import Foundation
import Runtime
import SQL
package import Secrets

/// Use cases on robot accounts. Whoever holds the proof for the namespace manages its robots; their tokens are shown only
/// to who administers it.
package struct RobotService: Sendable {
    /// Source: Quay, robot token.
    package static let tokenLength = 64
    package static let maximumDescriptionLength = 255

    private let platform: Platform

    package init(platform: Platform) { self.platform = platform }

    /// A robot with its token.
    package struct Revealed: Sendable {
        package let robot: Robot
        package let token: SecretToken
    }

    /// The robots of a namespace by name, without tokens.
    package func list(in access: NamespaceAccess, limit: Int? = nil) async throws -> [Robot] {
        let id = access.namespace.id
        return try await platform.database.read { try RobotStore.list(ownerID: id, limit: limit, in: $0) }.map(\.robot)
    }

    /// The same with tokens.
    package func listRevealed(in access: NamespaceAccess, limit: Int? = nil) async throws -> [Revealed] {
        try Self.requireAdmin(access)
        let id = access.namespace.id
        return try await platform.database.read { try RobotStore.list(ownerID: id, limit: limit, in: $0) }.map(reveal)
    }

    /// Errors: `.notFound`.
    package func find(_ shortName: Username, in access: NamespaceAccess) async throws -> Revealed {
        try Self.requireAdmin(access)
        return try reveal(try await stored(RobotName(namespace: access.namespace.name, shortName: shortName)))
    }

    /// Errors: `.invalidRequest` when the robot exists or the description is too long.
    package func create(
        _ shortName: Username, description: String, metadataJSON: String, in access: NamespaceAccess
    ) async throws -> Revealed {
        try Self.requireAdmin(access)
        guard description.count <= Self.maximumDescriptionLength else {
            throw RegistryError(
                .invalidRequest, "A description can have \(Self.maximumDescriptionLength) characters at most.")
        }
        let name = RobotName(namespace: access.namespace.name, shortName: shortName)
        guard name.text.utf8.count <= 255 else {
            throw RegistryError(.invalidRequest, "The name of a robot account can have 255 characters at most.")
        }
        let row = AccountStore.NewAccount(
            uuid: platform.identifiers.uuid(), name: name.text, kind: .robot, created: platform.clock.now)
        let token = SecretToken.random(
            length: Self.tokenLength, from: SecretToken.capitals, using: platform.randomness)
        let cipher = try platform.cipher.encrypt(token.text, for: Self.field(row.uuid))
        let robot = try await platform.database.write { transaction in
            guard let id = try AccountStore.insert(row, in: transaction) else {
                throw RegistryError(.conflict, "Existing robot with name: \(name)")
            }
            try RobotStore.insert(
                accountID: id, ownerID: access.namespace.id, tokenCipher: cipher, description: description,
                metadataJSON: metadataJSON, in: transaction)
            try AuditLogStore.add(
                Self.entry(.createRobot, name, access, at: row.created, ["description": description]), in: transaction)
            return Robot(
                id: id, name: name, ownerID: access.namespace.id, description: description, metadataJSON: metadataJSON,
                created: row.created, lastAccessed: nil)
        }
        return Revealed(robot: robot, token: token)
    }

    /// A new token; the old one and every registry token made with it end. Errors: `.notFound`.
    package func regenerate(_ shortName: Username, in access: NamespaceAccess) async throws -> Revealed {
        try Self.requireAdmin(access)
        let name = RobotName(namespace: access.namespace.name, shortName: shortName)
        let found = try await stored(name)
        let token = SecretToken.random(
            length: Self.tokenLength, from: SecretToken.capitals, using: platform.randomness)
        let cipher = try platform.cipher.encrypt(token.text, for: Self.field(found.accountUUID))
        let now = platform.clock.now
        try await platform.database.write { transaction in
            try RobotStore.setToken(found.robot.id, cipher: cipher, in: transaction)
            try AuditLogStore.add(Self.entry(.regenerateRobotToken, name, access, at: now, [:]), in: transaction)
        }
        return Revealed(robot: found.robot, token: token)
    }

    /// Errors: `.notFound`.
    package func delete(_ shortName: Username, in access: NamespaceAccess) async throws {
        try Self.requireAdmin(access)
        let name = RobotName(namespace: access.namespace.name, shortName: shortName)
        let found = try await stored(name)
        let now = platform.clock.now
        try await platform.database.write { transaction in
            try RobotStore.delete(found.robot.id, in: transaction)
            try AuditLogStore.add(Self.entry(.deleteRobot, name, access, at: now, [:]), in: transaction)
        }
    }

    static func field(_ accountUUID: String) -> FieldCipher.Field {
        FieldCipher.Field(table: "robot", column: "token_cipher", row: accountUUID)
    }

    private func reveal(_ stored: RobotStore.Stored) throws -> Revealed {
        Revealed(
            robot: stored.robot,
            token: SecretToken(try platform.cipher.decrypt(stored.tokenCipher, for: Self.field(stored.accountUUID))))
    }

    private func stored(_ name: RobotName) async throws -> RobotStore.Stored {
        guard let found = try await platform.database.read({ try RobotStore.find(name, in: $0) }) else {
            throw RegistryError(.notFound, "Could not find robot with username: \(name)")
        }
        return found
    }

    private static func requireAdmin(_ access: NamespaceAccess) throws {
        guard access.right.includes(.administer) else { throw RegistryError(.forbidden, "Unauthorized") }
    }

    private static func entry(
        _ kind: AuditKind, _ name: RobotName, _ access: NamespaceAccess, at now: Date, _ metadata: [String: String]
    ) -> AuditEntry {
        AuditEntry(
            kind, namespaceID: access.namespace.id, performerID: access.caller.accountID, at: now,
            metadata: metadata.merging(["robot": name.shortName.text]) { own, _ in own })
    }
}
