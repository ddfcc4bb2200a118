package import SQL

/// Finds the row of an object, and lets none have two.
package let objectNamesMigration = Migration(13, "object names") { transaction in
    try transaction.create("CREATE UNIQUE INDEX blob_object ON blob(object_key, location)")
}
