import Domain
import SQL

/// The SQL of the catalog: full names of repositories in the order of their bytes.
///
/// Namespaces end at the slash of a full name, so the order of `namespace/` and then of the name is the order of full
/// names; both have an index. Nothing here reads more rows than a page has, however many repositories there are.
enum CatalogStore {
    /// A place in the catalog: everything behind it is still to be listed.
    struct Position: Sendable, Hashable {
        /// A namespace with its slash, or text without one that only names can be compared with.
        let namespace: String
        let name: String

        init(after last: String) {
            let end = last.firstIndex(of: "/").map(last.index(after:)) ?? last.endIndex
            namespace = String(last[..<end])
            name = String(last[end...])
        }
    }

    /// A namespace whose repositories come next.
    struct Namespace: Sendable, Hashable {
        let id: Int64
        let name: String
    }

    /// The namespaces that `accountID` owns or administers, from `position` on.
    static func owned(
        by accountID: Int64, from position: Position, limit: Int, in transaction: any Transaction
    ) throws -> [Namespace] {
        let key = key(transaction)
        return try transaction.rows(
            """
            SELECT namespace.id, namespace.name FROM account AS namespace
            WHERE namespace.enabled = 1 AND namespace.kind <> 'robot' AND \(key) >= \(position.namespace)
                AND (namespace.id = \(accountID) OR namespace.id IN (
                    SELECT team.organization_id FROM team JOIN team_member ON team_member.team_id = team.id
                    WHERE team_member.account_id = \(accountID) AND team.role = 'admin'))
            ORDER BY \(key) LIMIT \(limit)
            """
        ).map(namespace)
    }

    /// The namespaces that have public repositories, from `position` on.
    static func open(from position: Position, limit: Int, in transaction: any Transaction) throws -> [Namespace] {
        let key = key(transaction)
        return try transaction.rows(
            """
            SELECT namespace.id, namespace.name FROM account AS namespace
            WHERE namespace.enabled = 1 AND namespace.kind <> 'robot' AND \(key) >= \(position.namespace)
                AND EXISTS (SELECT 1 FROM repository
                    WHERE repository.namespace_id = namespace.id AND repository.visibility = 'public')
            ORDER BY \(key) LIMIT \(limit)
            """
        ).map(namespace)
    }

    /// Names of a namespace's repositories behind `last`.
    static func names(
        inNamespace namespaceID: Int64, isPublicOnly: Bool, after last: String, limit: Int,
        in transaction: any Transaction
    ) throws -> [String] {
        let ordered = name(transaction)
        let visible: Query = isPublicOnly ? "AND repository.visibility = 'public'" : ""
        return try transaction.rows(
            """
            SELECT \(ordered) AS name FROM repository
            WHERE repository.namespace_id = \(namespaceID) AND \(ordered) > \(last) \(visible)
                AND repository.state <> \(Repository.State.markedForDeletion.rawValue)
            ORDER BY \(ordered) LIMIT \(limit)
            """
        ).map { try $0.text("name") }
    }

    /// Full names of the repositories in which `accountID` holds a permission, itself or through a team, behind
    /// `position`.
    static func granted(
        to accountID: Int64, after position: Position, limit: Int, in transaction: any Transaction
    ) throws -> [String] {
        let (key, ordered) = (key(transaction), name(transaction))
        return try transaction.rows(
            """
            SELECT namespace.name AS namespace, repository.name AS name
            FROM (SELECT repository_id FROM repository_permission WHERE account_id = \(accountID)
                UNION SELECT permission.repository_id FROM repository_permission AS permission
                    JOIN team_member ON team_member.team_id = permission.team_id
                    WHERE team_member.account_id = \(accountID)) AS held
                JOIN repository ON repository.id = held.repository_id
                JOIN account AS namespace ON namespace.id = repository.namespace_id
            WHERE namespace.enabled = 1 AND repository.state <> \(Repository.State.markedForDeletion.rawValue)
                AND (\(key) > \(position.namespace) OR (\(key) = \(position.namespace) AND \(ordered) > \(position.name)))
            ORDER BY \(key), \(ordered) LIMIT \(limit)
            """
        ).map { try "\($0.text("namespace"))/\($0.text("name"))" }
    }

    /// `namespace/` as the index has it.
    private static func key(_ transaction: any Transaction) -> Query {
        transaction.dialect == .postgres ? "(namespace.name || '/') COLLATE \"C\"" : "(namespace.name || '/')"
    }

    private static func name(_ transaction: any Transaction) -> Query {
        transaction.dialect == .postgres ? "repository.name COLLATE \"C\"" : "repository.name"
    }

    private static func namespace(_ row: Row) throws -> Namespace {
        Namespace(id: try row.integer("id"), name: try row.text("name"))
    }
}
