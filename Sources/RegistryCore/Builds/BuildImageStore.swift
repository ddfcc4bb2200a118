import OCI
import SQL

/// All SQL on `build_image`: what a launch of a build pushed, written with each move of its tags.
enum BuildImageStore {
    /// What stands under one tag.
    struct Image: Sendable, Hashable {
        let manifestDigest: String
        /// The digest of the image's configuration; nil for an index.
        let imageID: String?
    }

    /// Notes that an attempt pushed a manifest under some of its tags; the last push of a tag counts.
    static func record(
        _ digest: Digest, imageID: Digest?, under tags: [String], byAttempt id: Int64, in transaction: any Transaction
    ) throws {
        for tag in tags {
            try transaction.run(
                """
                INSERT INTO build_image (attempt_id, tag, manifest_digest, image_id)
                VALUES (\(id), \(tag), \(digest.text), \(imageID?.text))
                ON CONFLICT (attempt_id, tag) DO UPDATE
                    SET manifest_digest = excluded.manifest_digest, image_id = excluded.image_id
                """)
        }
    }

    /// What an attempt pushed, by tag.
    static func images(ofAttempt id: Int64, in transaction: any Transaction) throws -> [String: Image] {
        try transaction.rows("SELECT tag, manifest_digest, image_id FROM build_image WHERE attempt_id = \(id)")
            .reduce(into: [:]) { images, row in
                images[try row.text("tag")] = Image(
                    manifestDigest: try row.text("manifest_digest"), imageID: try row.textIfAny("image_id"))
            }
    }
}
