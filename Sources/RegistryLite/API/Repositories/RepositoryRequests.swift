import Domain

/// The bodies of the repository routes.
enum RepositoryRequests {
    private static let visibility = BodySchema.Kind.string(oneOf: ["public", "private"])

    /// `name` stands in for `repository`, as the guide's example has it. Both are checked by ``Create``.
    static let createSchema = BodySchema(
        "NewRepo", .optional("repository", .string(), "The name, without its namespace; required"),
        .optional("name", .string(), "The same as repository"), .required("visibility", visibility),
        .optional("namespace", .string(), nullable: true, "The signed-in user's where it is left out"),
        .required("description", .string(), "Markdown"),
        .optional("repo_kind", .string(oneOf: ["image"]), nullable: true))
    static let visibilitySchema = BodySchema("ChangeVisibility", .required("visibility", visibility))
    static let updateSchema = BodySchema("RepoUpdate", .required("description", .string(), "Markdown"))

    struct Create: Sendable {
        let name: String
        let namespace: String?
        let visibility: Repository.Visibility
        let description: String

        /// Errors: `.invalidRequest`.
        init(_ body: JSONValue) throws {
            guard let name = body["repository"]?.string ?? body["name"]?.string else {
                throw RegistryError(.invalidRequest, "'repository' is a required property")
            }
            self.name = name
            namespace = body["namespace"]?.string
            visibility = try RepositoryRequests.visibility(body)
            description = body["description"]?.string ?? ""
        }
    }

    /// Errors: `.invalidRequest`.
    static func visibility(_ body: JSONValue) throws -> Repository.Visibility {
        guard let visibility = body["visibility"]?.string.flatMap(Repository.Visibility.init) else {
            throw RegistryError(.invalidRequest, "'visibility' is a required property")
        }
        return visibility
    }
}
