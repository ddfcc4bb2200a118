import Domain
import Foundation
import SQL

/// All SQL on `deleted_repository` and `deleted_namespace`: what was deleted, and whose content is still there.
package enum DeletionStore {
    /// Writes down that a repository was deleted under the name that it had.
    /// - Parameter purge: from when on its content goes; until then the row has all that an undelete needs.
    static func record(
        repository id: Int64, named name: String, at now: Date, purgeAfter purge: Date, in transaction: any Transaction
    ) throws {
        try transaction.run(
            """
            INSERT INTO deleted_repository (repository_id, original_name, marked_ms, purge_after_ms)
            VALUES (\(id), \(name), \(now), \(purge)) ON CONFLICT (repository_id) DO NOTHING
            """)
    }

    /// Frees the name and the address of a namespace and of its robots at once: nobody finds them, and no credential of
    /// theirs is good any more. False when it was deleted before.
    /// - Parameter freed: a fresh uuid, which becomes its name.
    static func mark(
        namespace id: Int64, rename freed: String, at now: Date, purgeAfter purge: Date, in transaction: any Transaction
    ) throws -> Bool {
        let marked = try transaction.run(
            """
            INSERT INTO deleted_namespace (account_id, original_name, original_email, marked_ms, purge_after_ms)
                SELECT id, name, email, \(now), \(purge) FROM account WHERE id = \(id)
            ON CONFLICT (account_id) DO NOTHING
            """)
        guard marked == 1 else { return false }
        try transaction.run(
            """
            UPDATE account SET name = \(freed), email = NULL, enabled = 0, generation = generation + 1 WHERE id = \(id)
            """)
        try transaction.run(
            """
            UPDATE account SET name = \(freed) || '+' || CAST(id AS TEXT), enabled = 0, generation = generation + 1
            WHERE id IN (SELECT account_id FROM robot WHERE owner_id = \(id))
            """)
        // Tokens of its applications speak for users of other namespaces.
        try transaction.run("DELETE FROM oauth_application WHERE organization_id = \(id)")
        return true
    }

    /// Deleted repositories whose content may go, oldest first.
    static func dueRepositories(at now: Date, limit: Int, in transaction: any Transaction) throws -> [Int64] {
        try transaction.rows(
            """
            SELECT repository_id FROM deleted_repository WHERE purge_after_ms <= \(now)
            ORDER BY purge_after_ms, repository_id LIMIT \(limit)
            """
        ).map { try $0.integer("repository_id") }
    }

    /// Deleted namespaces whose content may go, oldest first.
    static func dueNamespaces(at now: Date, limit: Int, in transaction: any Transaction) throws -> [Int64] {
        try transaction.rows(
            """
            SELECT account_id FROM deleted_namespace WHERE purge_after_ms <= \(now)
            ORDER BY purge_after_ms, account_id LIMIT \(limit)
            """
        ).map { try $0.integer("account_id") }
    }

    /// Deletes repositories of a deleted namespace, at most `limit`; answers how many were still undeleted.
    static func markRepositories(
        ofNamespace id: Int64, at now: Date, limit: Int, in transaction: any Transaction
    ) throws -> Int {
        let repositories = try transaction.rows(
            """
            SELECT id, name FROM repository WHERE namespace_id = \(id)
                AND NOT EXISTS (SELECT 1 FROM deleted_repository WHERE deleted_repository.repository_id = repository.id)
            ORDER BY id LIMIT \(limit)
            """)
        for row in repositories {
            let repositoryID = try row.integer("id")
            try transaction.run(
                """
                UPDATE repository SET state = \(Repository.State.markedForDeletion.rawValue) WHERE id = \(repositoryID)
                """)
            try record(
                repository: repositoryID, named: row.text("name"), at: now, purgeAfter: now, in: transaction)
        }
        return repositories.count
    }

    /// Whether a namespace has a repository, deleted or not.
    static func hasRepositories(namespace id: Int64, in transaction: any Transaction) throws -> Bool {
        try transaction.row("SELECT 1 AS found FROM repository WHERE namespace_id = \(id) LIMIT 1") != nil
    }

    /// Removes what is left of a namespace that has no repositories any more: it, its robots and all that is theirs.
    static func remove(namespace id: Int64, at now: Date, in transaction: any Transaction) throws {
        try discardFiles(ofAccount: id, at: now, in: transaction)
        try transaction.run(
            "DELETE FROM account WHERE id IN (SELECT account_id FROM robot WHERE owner_id = \(id))")
        try transaction.run("DELETE FROM account WHERE id = \(id)")
    }

    private static func discardFiles(ofAccount id: Int64, at now: Date, in transaction: any Transaction) throws {
        let files = try transaction.rows(
            "DELETE FROM user_file WHERE account_id = \(id) RETURNING location, object_key, size_bytes")
        for file in files { try discard(file, at: now, in: transaction) }
    }

    /// Removes tag rows of a repository, at most `limit`, whatever the time machine says; answers how many.
    static func removeTags(
        ofRepository id: Int64, limit: Int, in transaction: any Transaction
    ) throws -> Int {
        try transaction.run(
            "DELETE FROM tag WHERE id IN (SELECT id FROM tag WHERE repository_id = \(id) LIMIT \(limit))")
    }

    /// Manifests of a repository, at most `limit`.
    static func manifests(
        ofRepository id: Int64, limit: Int, in transaction: any Transaction
    ) throws -> [Int64] {
        try transaction.rows(
            "SELECT id FROM manifest WHERE repository_id = \(id) ORDER BY id DESC LIMIT \(limit)"
        ).map { try $0.integer("id") }
    }

    /// Links of a repository, at most `limit`.
    static func links(
        ofRepository id: Int64, limit: Int, in transaction: any Transaction
    ) throws -> [BlobLink] {
        try transaction.rows(
            "SELECT repository_id, blob_id FROM repository_blob WHERE repository_id = \(id) LIMIT \(limit)"
        ).map { BlobLink(repositoryID: try $0.integer("repository_id"), blobID: try $0.integer("blob_id")) }
    }

    /// Ends uploads to a repository and forgets files of its builds, at most `limit` of each; answers how many went.
    static func removeUploads(
        ofRepository id: Int64, at now: Date, limit: Int, in transaction: any Transaction
    ) throws -> Int {
        let uploads = try transaction.rows(
            """
            DELETE FROM blob_upload WHERE uuid IN
                (SELECT uuid FROM blob_upload WHERE repository_id = \(id) LIMIT \(limit))
            RETURNING location, object_key, offset_bytes AS size_bytes
            """)
        for upload in uploads { try discard(upload, withUpload: true, at: now, in: transaction) }
        let files = try transaction.rows(
            """
            DELETE FROM user_file WHERE uuid IN
                (SELECT uuid FROM user_file WHERE repository_id = \(id) LIMIT \(limit))
            RETURNING location, object_key, size_bytes
            """)
        for file in files { try discard(file, at: now, in: transaction) }
        return uploads.count + files.count
    }

    private static func discard(
        _ row: Row, withUpload: Bool = false, at now: Date, in transaction: any Transaction
    ) throws {
        try GarbageStore.discard(
            objectKey: try row.text("object_key"), location: try row.text("location"), withUpload: withUpload,
            sizeBytes: try row.integerIfAny("size_bytes") ?? 0, at: now, in: transaction)
    }

    /// Removes lines of the repository's build logs, or, when there are none, its builds with their archives; answers how
    /// many rows went.
    static func removeBuilds(
        ofRepository id: Int64, at now: Date, limit: Int, in transaction: any Transaction
    ) throws -> Int {
        guard let build = try transaction.number("SELECT id FROM build WHERE repository_id = \(id) LIMIT 1") else {
            return 0
        }
        let lines = try BuildLogEntryStore.remove(ofBuild: build, limit: limit, in: transaction)
        guard lines == 0 else { return lines }
        try BuildLogArchiveStore.forget(build, at: now, in: transaction)
        return try transaction.run("DELETE FROM build WHERE id = \(build)")
    }

    /// Removes what is left of a repository whose content is gone: permissions, tokens, and the row itself.
    static func remove(repository id: Int64, in transaction: any Transaction) throws {
        try transaction.run("DELETE FROM repository WHERE id = \(id)")
    }
}
