import Domain
import HTTPTypes
import RegistryCore
import Secrets

/// Users: who am I, sign-up, the first user of all.
enum AccountRoutes {
    static let routes: [APIRoute] = [
        .everybody(.get, "/api/v1/user/", "getLoggedInUser", tag: "user", "The signed-in user", handler: own)
            .with { $0.isAnonymousAllowed = true },
        .everybody(.post, "/api/v1/user/", "createNewUser", tag: "user", "Creates a user and signs in", handler: create)
            .with {
                $0.body = AccountRequests.newUserSchema
                $0.features = [.userCreation, .directLogin]
                $0.isInternal = true
                $0.isAnonymousAllowed = true
            },
        .user(
            .delete, "/api/v1/user/", "deleteCurrentUser", tag: "user", "Deletes the signed-in user with all they own",
            scope: .userAdmin, handler: delete
        ).with {
            $0.needsFreshLogin = true
            $0.isInternal = true
            $0.successStatus = 204
        },
        .everybody(
            .post, "/api/v1/user/initialize", "initializeUser", tag: "user",
            "Creates the first user of an empty registry, a superuser", handler: initialize
        ).with {
            $0.body = AccountRequests.initializeSchema
            $0.isAnonymousAllowed = true
            $0.needsCSRFToken = false
        },
        .everybody(
            .get, "/api/v1/users/{username}", "getUserInformation", tag: "user", "What everybody may see of a user",
            handler: information),
    ]

    /// The user view declares `user:read` as its scope, but answers a stranger in its own way.
    private static func own(_ request: APIRequest) async throws -> JSONReply {
        let user: UserAccess
        do { user = try request.services.access.user(.userRead, for: request.caller) } catch let error
            as RegistryError
        {
            throw RegistryError(error.kind, error.message, details: ["session_required": "false"])
        }
        return try await ownView(user.id, request, caller: user.caller)
    }

    /// What a user sees of themselves.
    static func ownView(_ id: Int64, _ request: APIRequest, caller: Caller) async throws -> JSONReply {
        guard let account = try await request.services.accounts.find(id: id) else {
            throw RegistryError(.unauthenticated, "Requires authentication")
        }
        return JSONReply(
            AccountResponses.ownView(
                account, showsPrivate: caller.scopes.contains(.userAdmin),
                memberships: try await request.services.organizations.memberships(of: id),
                isSuperuser: request.site.isOn(.superusers) && request.services.access.isSuperuser(account)))
    }

    private static func create(_ request: APIRequest) async throws -> JSONReply {
        let wanted = AccountRequests.NewUser(request.body)
        let account = try await request.services.accounts.create(
            AccountService.NewUser(username: wanted.username, password: wanted.password, email: wanted.email), .signUp)
        let started = try await request.services.sessions.signIn(account, replacing: request.session?.session)
        var reply = try await ownView(
            account.id, request,
            caller: Caller(
                identity: .user(id: account.id, name: try Username(account.name)),
                credential: .session(id: started.session.id), generation: account.generation))
        reply.headers = SignInRoutes.headers(started, request)
        return reply
    }

    private static func delete(_ request: APIRequest, _ user: UserAccess) async throws -> JSONReply {
        try await request.services.accounts.delete(user, ip: request.clientAddress)
        return .empty
    }

    private static func initialize(_ request: APIRequest) async throws -> JSONReply {
        guard request.site.isOn(.userInitialize) else {
            throw RegistryError(.invalidRequest, "Cannot initialize user, FEATURE_USER_INITIALIZE is False")
        }
        // Before a password is hashed: strangers must not buy work from a registry that has its users.
        guard try await request.services.accounts.isEmpty() else { throw AccountService.notEmpty }
        let wanted = AccountRequests.NewUser(request.body)
        let account = try await request.services.accounts.create(
            AccountService.NewUser(username: wanted.username, password: wanted.password, email: wanted.email),
            .initialization)
        var reply: [String: JSONValue] = [
            "username": .string(account.name), "email": JSONValue(account.email),
            "encrypted_password": .string(try await request.services.encryptedPasswords.make(for: account).text),
        ]
        if wanted.wantsAccessToken {
            reply["access_token"] = .string(try await request.services.oauthTokens.initialToken(for: account).text)
        }
        return JSONReply(.object(reply))
    }

    private static func information(_ request: APIRequest) async throws -> JSONReply {
        guard let account = try await request.services.accounts.user(named: request.username("username")) else {
            throw RegistryError(.notFound, "Not Found")
        }
        return JSONReply(AccountResponses.publicView(account))
    }
}
