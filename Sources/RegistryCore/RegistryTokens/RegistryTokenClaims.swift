import Domain
import JWTKit

/// What a registry token says. Source: distribution token specification, and Quay's `context`.
struct RegistryTokenClaims: JWTPayload {
    struct Access: Codable, Sendable {
        let type: String
        let name: String
        let actions: [String]
    }

    /// Who stands behind the token, for people and for the check at each request.
    struct Context: Codable, Sendable {
        /// The layout of this object: 2. Source: Quay.
        var version = 2
        /// user, robot, token, oauthtoken, appspecifictoken or anonymous.
        var entity_kind: String
        var entity_reference: String?
        var kind: String
        var user: String?
        /// The row and generation of the credential that the token was made with; 0 where it has none.
        var credential_id: Int64
        var generation: Int64
        /// The signature root of each repository: none of ours are signed.
        var roots: [String: String]
        var root: String

        enum CodingKeys: String, CodingKey {
            case version, entity_kind, entity_reference, kind, user, credential_id, generation
            case roots = "com.apostille.roots"
            case root = "com.apostille.root"
        }
    }

    let iss: String
    let aud: String
    /// The name of the user or robot; nil for a bare repository token.
    let sub: String?
    /// Moments in whole seconds since 1970.
    let nbf: Int64
    let iat: Int64
    let exp: Int64
    let access: [Access]
    let context: Context

    /// Times and audience are checked by `RegistryTokenVerifier`, which knows the clock and the host.
    func verify(using algorithm: some JWTAlgorithm) async throws {}
}

extension RegistryTokenClaims.Context {
    init(_ caller: Caller) {
        let (kind, reference, credential, generation): (String, String?, Int64, Int64) =
            switch CredentialCheck.Reference(caller) {
            case .anonymous: ("anonymous", nil, 0, 0)
            case .account(let id, let generation):
                (Self.isRobot(caller) ? "robot" : "user", caller.name, id, generation)
            case .oauthToken(let id): ("oauthtoken", caller.name, id, 0)
            case .appToken(let id): ("appspecifictoken", caller.name, id, 0)
            case .delegateToken(let id): ("token", String(id), id, 0)
            }
        self.init(
            entity_kind: kind, entity_reference: reference, kind: kind == "anonymous" ? "anonymous" : "user",
            user: caller.isAnonymous ? nil : caller.name, credential_id: credential, generation: generation, roots: [:],
            root: "$disabled")
    }

    /// The credential to look at again; nil when the context is not one of ours.
    var credential: CredentialCheck.Reference? {
        switch entity_kind {
        case "anonymous": .anonymous
        case "user", "robot": .account(id: credential_id, generation: generation)
        case "oauthtoken": .oauthToken(id: credential_id)
        case "appspecifictoken": .appToken(id: credential_id)
        case "token": .delegateToken(id: credential_id)
        default: nil
        }
    }

    private static func isRobot(_ caller: Caller) -> Bool {
        if case .robot = caller.identity { true } else { false }
    }
}
