package import SQL

/// What a referrer was attached to before it was deleted: it is again when a tag reaches it once more.
package let detachedReferrersMigration = Migration(11, "detached referrers") { transaction in
    try transaction.create("ALTER TABLE manifest ADD COLUMN detached_subject TEXT")
}
