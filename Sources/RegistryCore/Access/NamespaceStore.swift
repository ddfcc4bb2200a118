package import Domain
package import SQL

/// A user or an organization, as the owner of repositories.
package struct Namespace: Sendable, Hashable {
    package let id: Int64
    package let name: Username
    package let isOrganization: Bool
}

/// The SQL on `account` that asks only for a namespace.
package enum NamespaceStore {
    /// The enabled user or organization of that name; a robot is none.
    package static func find(_ name: Username, in transaction: any Transaction) throws -> Namespace? {
        try transaction.row(
            "SELECT id, name, kind FROM account WHERE name = \(name.text) AND kind <> 'robot' AND enabled = 1"
        ).map {
            Namespace(
                id: try $0.integer("id"), name: try Username(try $0.text("name")),
                isOrganization: try $0.text("kind") == "organization")
        }
    }

    package static func isDisabled(_ name: Username, in transaction: any Transaction) throws -> Bool {
        try transaction.row(
            "SELECT id FROM account WHERE name = \(name.text) AND kind <> 'robot' AND enabled = 0") != nil
    }
}
