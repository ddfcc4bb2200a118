import Domain

/// The bodies of the account routes: what a client may say about a user, and nothing else.
enum AccountRequests {
    static let signInSchema = BodySchema(
        "SigninUser", .required("username", .string(), "A username or an e-mail address"),
        .required("password"), .optional("invite_code"))
    static let verifySchema = BodySchema("VerifyUser", .required("password"))
    static let clientKeySchema = BodySchema(
        "GenerateClientKey", .required("password", .string(), "The user's password"))
    static let newUserSchema = BodySchema(
        "NewUser", .required("username"), .required("password"), .optional("email"), .optional("invite_code"),
        .optional("recaptcha_response"))
    static let initializeSchema = BodySchema(
        "UserInitialize", .required("username"), .required("password"), .optional("email"),
        .optional("access_token", .boolean, "Whether to answer with an access token of all scopes"))

    struct SignIn: Sendable {
        let username: String
        let password: String

        init(_ body: JSONValue) {
            username = body["username"]?.string ?? ""
            password = body["password"]?.string ?? ""
        }
    }

    struct NewUser: Sendable {
        let username: String
        let password: String
        let email: String?
        let wantsAccessToken: Bool

        init(_ body: JSONValue) {
            username = body["username"]?.string ?? ""
            password = body["password"]?.string ?? ""
            email = body["email"]?.string
            wantsAccessToken = body["access_token"]?.bool ?? false
        }
    }
}
