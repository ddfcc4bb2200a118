import Foundation
package import OCI
import SQL

/// A manifest that names another one as its subject, as the list of referrers shows it.
package struct Referrer: Sendable, Hashable {
    let manifestID: Int64
    package let digest: Digest
    package let mediaType: String
    package let sizeBytes: Int64
    /// Of the manifest itself, else of an image's config; nil for an index without one.
    package let artifactType: String?
    package let annotations: [String: String]
}

/// The SQL on `manifest` that goes from a subject to its referrers.
enum ReferrersStore {
    /// The referrers of `subject` behind `last`, in the order of their digests; reachable or not.
    /// - Parameter artifactType: answer only those of this type.
    static func list(
        _ subject: Digest, artifactType: String?, after last: Digest?, limit: Int, inRepository repositoryID: Int64,
        in transaction: any Transaction
    ) throws -> [Referrer] {
        // Digests are lower-case letters, digits and a colon: every language sorts them by their bytes.
        var query: Query = """
            SELECT id, digest, media_type, LENGTH(body) AS size_bytes, artifact_type, annotations_json FROM manifest
            WHERE repository_id = \(repositoryID) AND subject_digest = \(subject.text) AND digest > \(last?.text ?? "")
            """
        if let artifactType { query = query + "AND artifact_type = \(artifactType)" }
        return try transaction.rows(query + "ORDER BY digest LIMIT \(limit)").map(referrer)
    }

    private static func referrer(_ row: Row) throws -> Referrer {
        let id = try row.integer("id")
        let json = try row.textIfAny("annotations_json") ?? "{}"
        do {
            return Referrer(
                manifestID: id, digest: try Digest(try row.text("digest")), mediaType: try row.text("media_type"),
                sizeBytes: try row.integer("size_bytes"), artifactType: try row.textIfAny("artifact_type"),
                annotations: try JSONDecoder().decode([String: String].self, from: Data(json.utf8)))
        } catch let error as DatabaseError {
            throw error
        } catch { throw DatabaseError(.decoding, "Manifest \(id) has a broken digest or broken annotations: \(error)") }
    }
}
