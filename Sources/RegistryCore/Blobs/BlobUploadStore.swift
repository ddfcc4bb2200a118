import Foundation
import OCI
import ObjectStorage
import SQL

/// An upload under way.
struct BlobUpload: Sendable {
    let uuid: String
    let repositoryID: Int64
    /// How far it has come, acknowledged.
    let mark: UploadMark
    let algorithm: Digest.Algorithm
    /// The hash of the first `mark.offset` bytes; nil when whoever stored them didn't keep it.
    let hasher: DigestHasher?
    let location: String
    /// The object that the upload will become; reserved from the first request on, so that a crash leaves no stranger.
    let key: ObjectKey

    /// The upload's name in its location.
    var upload: UploadKey { UploadKey(key) }
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
            VALUES (\(upload.uuid), \(upload.repositoryID), \(subject), \(upload.algorithm.rawValue),
                \(upload.mark.offset), \(upload.location), \(upload.key.text), \(moment), \(moment))
            """)
    }

    /// The upload, if this repository and this subject began it: nobody else ever sees it.
    static func find(
        _ uuid: String, inRepository repositoryID: Int64, subject: String, in transaction: any Transaction
    ) throws -> BlobUpload? {
        try transaction.row(
            """
            SELECT uuid, repository_id, algorithm, offset_bytes, location, object_key, hash_state, storage_state
            FROM blob_upload
            WHERE uuid = \(uuid) AND repository_id = \(repositoryID) AND subject = \(subject)
            """
        ).map(upload)
    }

    /// How many uploads a subject has under way.
    static func count(subject: String, in transaction: any Transaction) throws -> Int64 {
        try transaction.number("SELECT COUNT(*) FROM blob_upload WHERE subject = \(subject)") ?? 0
    }

    /// How many uploads are under way.
    static func count(in transaction: any Transaction) throws -> Int64 {
        try transaction.number("SELECT COUNT(*) FROM blob_upload") ?? 0
    }

    /// What is written down of an upload; nil when it is gone.
    static func mark(of uuid: String, in transaction: any Transaction) throws -> UploadMark? {
        try transaction.row("SELECT offset_bytes, storage_state FROM blob_upload WHERE uuid = \(uuid)").map(mark)
    }

    /// Moves the mark with the hash, unless another request did so meanwhile; answers whether it moved.
    static func advance(
        _ upload: BlobUpload, to mark: UploadMark, hash: String, at moment: Date, in transaction: any Transaction
    ) throws -> Bool {
        try transaction.run(
            """
            UPDATE blob_upload SET offset_bytes = \(mark.offset), storage_state = \(mark.state), hash_state = \(hash),
                touched_ms = \(moment)
            WHERE uuid = \(upload.uuid) AND offset_bytes = \(upload.mark.offset)
                AND storage_state = \(upload.mark.state)
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
            SELECT uuid, repository_id, algorithm, offset_bytes, location, object_key, hash_state, storage_state
            FROM blob_upload
            WHERE touched_ms < \(moment) ORDER BY touched_ms LIMIT \(limit)
            """
        ).map(upload)
    }

    private static func mark(_ row: Row) throws -> UploadMark {
        UploadMark(offset: try row.integer("offset_bytes"), state: try row.text("storage_state"))
    }

    private static func upload(_ row: Row) throws -> BlobUpload {
        let uuid = try row.text("uuid")
        guard let algorithm = Digest.Algorithm(rawValue: try row.text("algorithm")) else {
            throw DatabaseError(.decoding, "Upload \(uuid) has an unknown algorithm.")
        }
        do {
            let mark = try mark(row)
            // A hash that an older program left behind, while it moved the offset, is none.
            let hasher = DigestHasher(saved: try row.text("hash_state"))
            return BlobUpload(
                uuid: uuid, repositoryID: try row.integer("repository_id"), mark: mark, algorithm: algorithm,
                hasher: hasher?.count == mark.offset ? hasher : nil, location: try row.text("location"),
                key: try ObjectKey(stored: try row.text("object_key")))
        } catch let error as DatabaseError {
            throw error
        } catch { throw DatabaseError(.decoding, "Upload \(uuid) has a broken key: \(error)") }
    }
}
