package import Domain
package import SQL

/// All SQL on `repository`.
package enum RepositoryStore {
    /// The repository of that name; one that is marked for deletion is not found.
    package static func find(_ name: RepositoryName, in transaction: any Transaction) throws -> Repository? {
        try transaction.row(
            """
            \(columns) WHERE namespace.name = \(name.namespace.text) AND repository.name = \(name.name)
                AND repository.state <> \(Repository.State.markedForDeletion.rawValue) AND namespace.enabled = 1
            """
        ).map(repository)
    }

    package static func find(id: Int64, in transaction: any Transaction) throws -> Repository? {
        try transaction.row("\(columns) WHERE repository.id = \(id)").map(repository)
    }

    /// Writes a repository and answers its number; nil when the name is taken.
    static func insert(
        _ draft: RepositoryService.Draft, namespaceID: Int64, in transaction: any Transaction
    ) throws -> Int64? {
        try transaction.number(
            """
            INSERT INTO repository (uuid, namespace_id, name, visibility, description, badge_token, created_ms)
            VALUES (\(draft.uuid), \(namespaceID), \(draft.name.name), \(draft.visibility.rawValue),
                \(draft.description), \(draft.badgeToken), \(draft.created))
            ON CONFLICT DO NOTHING RETURNING id
            """)
    }

    static func setVisibility(
        _ id: Int64, _ visibility: Repository.Visibility, in transaction: any Transaction
    ) throws {
        try transaction.run("UPDATE repository SET visibility = \(visibility.rawValue) WHERE id = \(id)")
    }

    static func setDescription(_ id: Int64, _ description: String, in transaction: any Transaction) throws {
        try transaction.run("UPDATE repository SET description = \(description) WHERE id = \(id)")
    }

    static func markForDeletion(_ id: Int64, rename name: String, in transaction: any Transaction) throws {
        try transaction.run(
            """
            UPDATE repository SET state = \(Repository.State.markedForDeletion.rawValue), name = \(name)
            WHERE id = \(id)
            """)
    }

    private static let columns: Query = """
        SELECT repository.id, repository.name, repository.namespace_id, repository.visibility, repository.state,
            repository.description, namespace.name AS namespace, namespace.kind AS namespace_kind,
            namespace.removed_tag_expiration_s
        FROM repository JOIN account AS namespace ON namespace.id = repository.namespace_id
        """

    private static func repository(_ row: Row) throws -> Repository {
        guard let visibility = Repository.Visibility(rawValue: try row.text("visibility")),
            let state = Repository.State(rawValue: try row.int("state"))
        else {
            throw DatabaseError(.decoding, "Repository \(try row.integer("id")) has an unknown visibility or state.")
        }
        return Repository(
            id: try row.integer("id"),
            name: try RepositoryName(namespace: Username(try row.text("namespace")), name: try row.text("name")),
            namespaceID: try row.integer("namespace_id"),
            isOrganization: try row.text("namespace_kind") == "organization", visibility: visibility, state: state,
            tagExpirationSeconds: try row.int("removed_tag_expiration_s"), description: try row.textIfAny("description")
        )
    }
}
