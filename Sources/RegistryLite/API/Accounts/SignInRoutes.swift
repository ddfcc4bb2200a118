import Domain
import HTTPTypes
import RegistryCore
import Secrets

/// Signing in and out of the browser session, and giving the password again.
enum SignInRoutes {
    static let routes: [APIRoute] = [
        .everybody(.post, "/api/v1/signin", "signinUser", tag: "user", "Signs in with a password", handler: signIn)
            .with {
                $0.body = AccountRequests.signInSchema
                $0.features = [.directLogin]
                $0.isInternal = true
                $0.isAnonymousAllowed = true
            },
        .user(
            .post, "/api/v1/signin/verify", "verifyUser", tag: "user", "Gives the password again", scope: .userAdmin,
            handler: verify
        ).with {
            $0.body = AccountRequests.verifySchema
            $0.isInternal = true
        },
        .user(
            .post, "/api/v1/user/clientkey", "generateUserClientKey", tag: "user",
            "The encrypted password, for clients of the registry", scope: .userAdmin, handler: clientKey
        ).with {
            $0.body = AccountRequests.clientKeySchema
            $0.isInternal = true
        },
        .everybody(.post, "/api/v1/signout", "logout", tag: "user", "Ends every session of the user", handler: signOut)
            .with {
                $0.isInternal = true
                $0.isAnonymousAllowed = true
            },
    ]

    private static func signIn(_ request: APIRequest) async throws -> JSONReply {
        let wanted = AccountRequests.SignIn(request.body)
        if wanted.username.hasPrefix("$") || wanted.username.contains("+") {
            return AccountResponses.refusedSignIn(
                "Robot accounts and tokens can't sign in here: they are for docker login.", invalidCredentials: true)
        }
        do {
            let account = try await request.services.signIn.verify(
                wanted.username, password: wanted.password, from: request.signInOrigin)
            let started = try await request.services.sessions.signIn(account, replacing: request.session?.session)
            try await request.services.signIn.log(
                signInOf: account.id, name: account.name, from: request.signInOrigin)
            return JSONReply(["success": true], headers: headers(started, request))
        } catch let error as RegistryError where error.kind == .badCredentials || error.kind == .forbidden {
            return AccountResponses.refusedSignIn(error.message, invalidCredentials: true)
        }
    }

    private static func verify(_ request: APIRequest, _ user: UserAccess) async throws -> JSONReply {
        do { _ = try await verified(user, request) } catch let error as RegistryError
            where error.kind == .badCredentials || error.kind == .forbidden
        {
            return AccountResponses.refusedSignIn(error.message, invalidCredentials: true)
        }
        if let session = request.session?.session { try await request.services.sessions.refresh(session) }
        return JSONReply(["success": true])
    }

    private static func clientKey(_ request: APIRequest, _ user: UserAccess) async throws -> JSONReply {
        let account: Account
        do { account = try await verified(user, request) } catch let error as RegistryError
            where error.kind == .badCredentials || error.kind == .forbidden
        { throw RegistryError(.invalidRequest, error.message) }
        let key = try await request.services.encryptedPasswords.issue(for: account, ip: request.clientAddress)
        return JSONReply(["key": .string(key.text)])
    }

    /// The account of `user`, if the body holds its password.
    private static func verified(_ user: UserAccess, _ request: APIRequest) async throws -> Account {
        try await request.services.signIn.verify(
            user.name.text, password: request.body["password"]?.string ?? "", from: request.signInOrigin)
    }

    private static func signOut(_ request: APIRequest) async throws -> JSONReply {
        guard case .signedIn(let signedIn) = request.session else { return JSONReply(["success": true]) }
        try await request.services.sessions.signOutEverywhere(signedIn)
        let cookies = SessionCookies(site: request.site, sessions: request.services.sessions)
        return JSONReply(["success": true], headers: [.setCookie: cookies.forgetting])
    }

    /// What a reply carries that has begun a session: the cookie, and the token for the calls that follow.
    static func headers(_ started: SessionService.Started, _ request: APIRequest) -> HTTPFields {
        let cookies = SessionCookies(site: request.site, sessions: request.services.sessions)
        var headers: HTTPFields = [.setCookie: cookies.header(started)]
        if let name = HTTPField.Name(CSRF.nextHeader) { headers[name] = started.session.csrfToken }
        return headers
    }
}
