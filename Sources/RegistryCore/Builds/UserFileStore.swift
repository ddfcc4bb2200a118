package import Foundation
package import SQL

/// A build pack that somebody uploads: announced first, stored once, immutable from then on.
package struct UserFile: Sendable, Hashable {
    package let uuid: String
    package let accountID: Int64
    /// The repository whose build used it first, and the only one whose builds may.
    package let repositoryID: Int64?
    package let mimeType: String
    /// Where the object is.
    package let location: String
    package let objectKey: String
    /// In lower-case hexadecimal SHA-256; nil until the bytes are there.
    package let checksum: String?
    package let sizeBytes: Int64?
    package let createdAt: Date
}

/// All SQL on `user_file`.
package enum UserFileStore {
    package static func insert(_ file: UserFile, in transaction: any Transaction) throws {
        try transaction.run(
            """
            INSERT INTO user_file (uuid, account_id, mime_type, location, object_key, created_ms)
            VALUES (\(file.uuid), \(file.accountID), \(file.mimeType), \(file.location), \(file.objectKey), \(file.createdAt))
            """)
    }

    package static func find(_ uuid: String, in transaction: any Transaction) throws -> UserFile? {
        try transaction.row(
            """
            SELECT uuid, account_id, repository_id, mime_type, location, object_key, checksum, size_bytes, created_ms
            FROM user_file WHERE uuid = \(uuid)
            """
        ).map {
            UserFile(
                uuid: try $0.text("uuid"), accountID: try $0.integer("account_id"),
                repositoryID: try $0.integerIfAny("repository_id"), mimeType: try $0.text("mime_type"),
                location: try $0.text("location"), objectKey: try $0.text("object_key"),
                checksum: try $0.textIfAny("checksum"),
                sizeBytes: try $0.integerIfAny("size_bytes"), createdAt: try $0.date("created_ms"))
        }
    }

    /// Says that the bytes are there, under `objectKey`. False when they were already: a file is stored once.
    package static func stored(
        _ uuid: String, objectKey: String, checksum: String, sizeBytes: Int64, at now: Date,
        in transaction: any Transaction
    ) throws -> Bool {
        try transaction.run(
            """
            UPDATE user_file SET object_key = \(objectKey), checksum = \(checksum), size_bytes = \(sizeBytes),
                stored_ms = \(now)
            WHERE uuid = \(uuid) AND stored_ms IS NULL
            """) == 1
    }

    /// Ties the file to a repository. False when another one has it, or when it isn't stored yet.
    package static func bind(
        _ uuid: String, toRepository id: Int64, in transaction: any Transaction
    ) throws -> Bool {
        try transaction.run(
            """
            UPDATE user_file SET repository_id = \(id)
            WHERE uuid = \(uuid) AND stored_ms IS NOT NULL AND (repository_id IS NULL OR repository_id = \(id))
            """) == 1
    }
}
