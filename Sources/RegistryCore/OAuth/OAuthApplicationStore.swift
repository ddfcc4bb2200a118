package import SQL

/// All SQL on `oauth_application`.
package enum OAuthApplicationStore {
    /// A row to be written.
    package struct NewApplication: Sendable {
        /// The organization that the application belongs to; the user itself for an application of the registry's own.
        package let ownerID: Int64
        package let clientID: String
        package let secretCipher: String
        package let name: String
        package let description: String
    }

    /// Writes an application and answers its number.
    package static func insert(_ application: NewApplication, in transaction: any Transaction) throws -> Int64 {
        let id = try transaction.number(
            """
            INSERT INTO oauth_application (organization_id, client_id, client_secret_cipher, name, description)
            VALUES (\(application.ownerID), \(application.clientID), \(application.secretCipher), \(application.name),
                \(application.description))
            RETURNING id
            """)
        guard let id else { throw DatabaseError(.statement, "An application was not written.") }
        return id
    }
}
