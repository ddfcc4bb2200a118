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

    /// The application that a token was granted to; nil when the token is gone.
    static func application(
        ofToken tokenID: Int64, in transaction: any Transaction
    ) throws -> (clientID: String, name: String)? {
        try transaction.row(
            """
            SELECT application.client_id, application.name FROM oauth_token AS token
                JOIN oauth_application AS application ON application.id = token.application_id
            WHERE token.id = \(tokenID)
            """
        ).map { (clientID: try $0.text("client_id"), name: try $0.text("name")) }
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
