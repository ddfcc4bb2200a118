import Foundation
import OCI
import ObjectStorage
import SQL

/// An upload under way.
struct BlobUpload: Sendable, Hashable {
    let uuid: String
    let repositoryID: Int64
    let offset: Int64
    let algorithm: Digest.Algorithm
    let location: String
    /// The object that the upload will become; reserved from the first request on, so that a crash leaves no stranger.
    let key: ObjectKey
    /// The upload's name in its location.
    let upload: UploadKey
}

/// All SQL on `blob_upload`.
enum BlobUploadStore {
    static func insert(
        _ upload: BlobUpload, subject: String, at moment: Date, in transaction: any Transaction
    ) throws {
        try transaction.run(
            """
            INSERT INTO blob_upload (uuid, repository_id, subject, algorithm, offset_bytes, location, object_key,
                created_ms, touched_ms)
            VALUES (\(upload.uuid), \(upload.repositoryID), \(subject), \(upload.algorithm.rawValue), \(upload.offset),
                \(upload.location), \(upload.key.text), \(moment), \(moment))
            """)
    }

    /// The upload, if this repository and this subject began it: nobody else ever sees it.
    static func find(
        _ uuid: String, inRepository repositoryID: Int64, subject: String, in transaction: any Transaction
    ) throws -> BlobUpload? {
        try transaction.row(
            """
            SELECT uuid, repository_id, algorithm, offset_bytes, location, object_key FROM blob_upload
            WHERE uuid = \(uuid) AND repository_id = \(repositoryID) AND subject = \(subject)
            """
        ).map(upload)
    }

    /// How many uploads a subject has under way.
    static func count(subject: String, in transaction: any Transaction) throws -> Int64 {
        try transaction.number("SELECT COUNT(*) FROM blob_upload WHERE subject = \(subject)") ?? 0
    }

    /// Moves the offset, unless another request did so meanwhile; answers whether it moved.
    static func advance(
        _ upload: BlobUpload, to offset: Int64, at moment: Date, in transaction: any Transaction
    ) throws -> Bool {
        try transaction.run(
            """
            UPDATE blob_upload SET offset_bytes = \(offset), touched_ms = \(moment)
            WHERE uuid = \(upload.uuid) AND offset_bytes = \(upload.offset)
            """) == 1
    }

    /// Answers whether the upload was still there.
    static func delete(_ uuid: String, in transaction: any Transaction) throws -> Bool {
        try transaction.run("DELETE FROM blob_upload WHERE uuid = \(uuid)") == 1
    }

    /// Removes an upload that nobody has touched since `moment`; answers whether it was one.
    static func delete(_ uuid: String, idleSince moment: Date, in transaction: any Transaction) throws -> Bool {
        try transaction.run("DELETE FROM blob_upload WHERE uuid = \(uuid) AND touched_ms < \(moment)") == 1
    }

    /// Uploads that nobody has touched since `moment`, oldest first, at most `limit`.
    static func idle(since moment: Date, limit: Int, in transaction: any Transaction) throws -> [BlobUpload] {
        try transaction.rows(
            """
            SELECT uuid, repository_id, algorithm, offset_bytes, location, object_key FROM blob_upload
            WHERE touched_ms < \(moment) ORDER BY touched_ms LIMIT \(limit)
            """
        ).map(upload)
    }

    private static func upload(_ row: Row) throws -> BlobUpload {
        let uuid = try row.text("uuid")
        guard let algorithm = Digest.Algorithm(rawValue: try row.text("algorithm")) else {
            throw DatabaseError(.decoding, "Upload \(uuid) has an unknown algorithm.")
        }
        do {
            return BlobUpload(
                uuid: uuid, repositoryID: try row.integer("repository_id"), offset: try row.integer("offset_bytes"),
                algorithm: algorithm, location: try row.text("location"),
                key: try ObjectKey(stored: try row.text("object_key")), upload: try UploadKey(uuid))
        } catch let error as DatabaseError {
            throw error
        } catch { throw DatabaseError(.decoding, "Upload \(uuid) has a broken key: \(error)") }
    }
}
