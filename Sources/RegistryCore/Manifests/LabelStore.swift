package import Domain
package import OCI
package import SQL

/// All SQL on `manifest_label`. A label is always asked for together with its manifest.
package enum LabelStore {
    /// The labels of a manifest, oldest first.
    package static func list(ofManifest manifestID: Int64, in transaction: any Transaction) throws -> [ManifestLabel] {
        try transaction.rows("\(columns) WHERE manifest_id = \(manifestID) ORDER BY id").map(label)
    }

    /// The label of that uuid on the manifest: one of another manifest is not found.
    package static func find(
        _ uuid: String, onManifest manifestID: Int64, in transaction: any Transaction
    ) throws -> ManifestLabel? {
        try transaction.row("\(columns) WHERE manifest_id = \(manifestID) AND uuid = \(uuid)").map(label)
    }

    package static func count(onManifest manifestID: Int64, in transaction: any Transaction) throws -> Int {
        Int(
            try transaction.number("SELECT COUNT(*) FROM manifest_label WHERE manifest_id = \(manifestID)") ?? 0)
    }

    /// How long a tag of the manifest lives by its newest label that says so; nil for no such label.
    package static func expiry(
        ofManifest manifestID: Int64, in transaction: any Transaction
    ) throws -> ExpiryLabel? {
        try transaction.row(
            """
            SELECT value FROM manifest_label WHERE manifest_id = \(manifestID) AND key = \(ExpiryLabel.key)
            ORDER BY id DESC LIMIT 1
            """
        ).flatMap { ExpiryLabel(try $0.text("value")) }
    }

    /// The keys and values that the images of all these digests have in a repository, by key; none when one is missing.
    package static func common(
        to digests: [Digest], inRepository repositoryID: Int64, in transaction: any Transaction
    ) throws -> [(key: String, value: String)] {
        let wanted = Set(digests.map(\.text))
        guard !wanted.isEmpty else { return [] }
        return try transaction.rows(
            """
            SELECT label.key, label.value FROM manifest JOIN manifest_label AS label ON label.manifest_id = manifest.id
            WHERE manifest.repository_id = \(repositoryID) AND manifest.digest IN (\(list: Array(wanted)))
                AND label.source = 'manifest'
            GROUP BY label.key, label.value HAVING COUNT(DISTINCT manifest.id) = \(wanted.count)
            ORDER BY label.key, label.value
            """
        ).map { (try $0.text("key"), try $0.text("value")) }
    }

    package static func insert(
        _ label: ManifestLabel, onManifest manifestID: Int64, in transaction: any Transaction
    ) throws {
        try transaction.run(
            """
            INSERT INTO manifest_label (uuid, manifest_id, key, value, source, media_type)
            VALUES (\(label.uuid), \(manifestID), \(label.key), \(label.value), \(label.source.rawValue),
                \(label.mediaType.rawValue))
            """)
    }

    package static func delete(
        _ uuid: String, onManifest manifestID: Int64, in transaction: any Transaction
    ) throws {
        try transaction.run("DELETE FROM manifest_label WHERE manifest_id = \(manifestID) AND uuid = \(uuid)")
    }

    private static let columns: Query = "SELECT uuid, key, value, source, media_type FROM manifest_label"

    private static func label(_ row: Row) throws -> ManifestLabel {
        guard let source = ManifestLabel.Source(rawValue: try row.text("source")),
            let mediaType = ManifestLabel.MediaType(rawValue: try row.text("media_type"))
        else { throw DatabaseError(.decoding, "Label \(try row.text("uuid")) has an unknown source or media type.") }
        return ManifestLabel(
            uuid: try row.text("uuid"), key: try row.text("key"), value: try row.text("value"), source: source,
            mediaType: mediaType)
    }
}
