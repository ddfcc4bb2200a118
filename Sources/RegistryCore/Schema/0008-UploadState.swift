package import SQL

/// What any replica needs to go on with an upload: its running hash, and the location's own words on where its bytes are.
package let uploadStateMigration = Migration(8, "upload state") { transaction in
    try transaction.create(
        // Empty: nothing was hashed yet, or by a program that did not write it down; then the bytes are read again.
        "ALTER TABLE blob_upload ADD COLUMN hash_state TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE blob_upload ADD COLUMN storage_state TEXT NOT NULL DEFAULT ''")
}
