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

    /// The repository of that number, also one that is marked for deletion: by itself, or with its namespace.
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

    static func badgeToken(_ id: Int64, in transaction: any Transaction) throws -> String {
        try transaction.row("SELECT badge_token FROM repository WHERE id = \(id)")?.text("badge_token") ?? ""
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

    /// Which repositories a list asks for.
    package struct Filter: Sendable, Hashable {
        package var namespace: Username?
        package var isPublicOnly: Bool

        package init(namespace: Username?, isPublicOnly: Bool) {
            self.namespace = namespace
            self.isPublicOnly = isPublicOnly
        }
    }

    /// Up to `limit` repositories that `accountID` may read (nil: that everybody may), in the order of their numbers,
    /// beginning behind `last`.
    static func list(
        _ filter: Filter, readableBy accountID: Int64?, isPublicReadable: Bool, after last: Int64, limit: Int,
        in transaction: any Transaction
    ) throws -> [Repository] {
        var query: Query = """
            \(columns) WHERE repository.id > \(last) AND namespace.enabled = 1
                AND repository.state <> \(Repository.State.markedForDeletion.rawValue)
            """
        if let namespace = filter.namespace { query = query + "AND namespace.name = \(namespace.text)" }
        if filter.isPublicOnly { query = query + "AND repository.visibility = 'public'" }
        let open: Query = isPublicReadable ? "repository.visibility = 'public'" : "1 = 0"
        if let accountID {
            query =
                query
                    + """
                    AND (\(open) OR repository.namespace_id = \(accountID)
                        OR repository.id IN (SELECT repository_id FROM repository_permission WHERE account_id = \(accountID))
                        OR repository.id IN (SELECT permission.repository_id FROM repository_permission AS permission
                            JOIN team_member ON team_member.team_id = permission.team_id
                            WHERE team_member.account_id = \(accountID))
                        OR repository.namespace_id IN (SELECT team.organization_id FROM team
                            JOIN team_member ON team_member.team_id = team.id
                            WHERE team_member.account_id = \(accountID) AND team.role = 'admin'))
                    """
        } else {
            query = query + "AND \(open)"
        }
        return try transaction.rows(query + "ORDER BY repository.id LIMIT \(limit)").map(repository)
    }

    private static let columns: Query = """
        SELECT repository.id, repository.name, repository.namespace_id, repository.visibility,
            CASE WHEN deleted.account_id IS NULL THEN repository.state ELSE 3 END AS state, repository.description, namespace.name AS namespace, namespace.kind AS namespace_kind,
            namespace.removed_tag_expiration_s
        FROM repository JOIN account AS namespace ON namespace.id = repository.namespace_id
            LEFT JOIN deleted_namespace AS deleted ON deleted.account_id = repository.namespace_id
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
