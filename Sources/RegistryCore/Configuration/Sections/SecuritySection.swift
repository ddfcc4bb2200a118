package import WebRequests
import YAML

/// Secrets, sign-in, sessions and the guard on outgoing requests.
package struct SecuritySection: Sendable {
    package enum SameSite: String, Sendable, CaseIterable { case lax = "Lax", strict = "Strict", none = "None" }
    package enum AuthenticationType: String, Sendable, CaseIterable {
        case database = "Database", appToken = "AppToken"
    }

    /// SECRET_KEY; nil: ``InstanceSecrets`` has it.
    package let secretKey: String?
    /// DATABASE_SECRET_KEY; nil: ``InstanceSecrets`` has it.
    package let databaseSecretKey: String?
    /// PAGE_TOKEN_KEY; nil: derived from SECRET_KEY.
    package let pageTokenKey: String?
    package let authenticationType: AuthenticationType
    /// SUPER_USERS: names.
    package let superusers: Set<String>
    /// PUBLIC_NAMESPACES: shown in everyone's list.
    package let publicNamespaces: [String]
    /// SESSION_COOKIE_*.
    package let sessionCookieName: String
    package let isSessionCookieSecure: Bool
    package let isSessionCookieHTTPOnly: Bool
    package let sessionCookieSameSite: SameSite
    /// FRESH_LOGIN_TIMEOUT: how long a sign-in counts as fresh.
    package let freshLoginTimeout: Duration
    package let recoveryTokenLifetime: Duration
    /// BROWSER_API_CALLS_XHR_ONLY.
    package let requiresXHR: Bool
    /// CORS_ORIGIN; `*` means all, without credentials.
    package let corsOrigins: [String]
    package let localOAuthHandler: String
    package let directOAuthClients: Set<String>
    /// APP_SPECIFIC_TOKEN_EXPIRATION; nil: they don't expire. EXPIRED_APP_SPECIFIC_TOKEN_GC.
    package let appTokenLifetime: Duration?
    package let expiredAppTokenRetention: Duration?
    package let blacklistedEmailDomains: Set<String>
    package let recaptchaSiteKey: String?
    package let recaptchaSecretKey: String?
    /// WEBHOOK_ALLOWED_PRIVATE_NETWORKS: what requests to user-supplied targets may reach although private.
    package let allowedPrivateNetworks: [CIDR]
    /// WEBHOOK_HOSTNAME_BLACKLIST: hosts that are refused besides localhost.
    package let blockedWebhookHosts: Set<String>
}

extension SecuritySection {
    init(_ reader: SectionReader, server: ServerSection) {
        secretKey = Self.secret("SECRET_KEY", reader)
        databaseSecretKey = Self.secret("DATABASE_SECRET_KEY", reader)
        pageTokenKey = Self.secret("PAGE_TOKEN_KEY", reader)
        authenticationType = reader.choice("AUTHENTICATION_TYPE", default: .database)
        superusers = Set(reader.texts("SUPER_USERS"))
        publicNamespaces = reader.texts("PUBLIC_NAMESPACES")
        sessionCookieName = Self.cookieName(reader)
        isSessionCookieSecure = reader.bool("SESSION_COOKIE_SECURE", default: server.scheme == .https)
        isSessionCookieHTTPOnly = reader.bool("SESSION_COOKIE_HTTPONLY", default: true)
        sessionCookieSameSite = reader.choice("SESSION_COOKIE_SAMESITE", default: .lax)
        freshLoginTimeout = reader.duration("FRESH_LOGIN_TIMEOUT", default: .seconds(600))
        recoveryTokenLifetime = reader.duration("USER_RECOVERY_TOKEN_LIFETIME", default: .seconds(1800))
        requiresXHR = reader.bool("BROWSER_API_CALLS_XHR_ONLY", default: true)
        corsOrigins = Self.origins(reader)
        localOAuthHandler = reader.text("LOCAL_OAUTH_HANDLER", default: "/oauth/localapp")
        directOAuthClients = Set(reader.texts("DIRECT_OAUTH_CLIENTID_WHITELIST"))
        appTokenLifetime = reader.duration("APP_SPECIFIC_TOKEN_EXPIRATION")
        expiredAppTokenRetention = reader.duration("EXPIRED_APP_SPECIFIC_TOKEN_GC", default: .seconds(86_400))
        blacklistedEmailDomains = Set(reader.texts("BLACKLISTED_EMAIL_DOMAINS").map { $0.lowercased() })
        recaptchaSiteKey = reader.nonEmptyText("RECAPTCHA_SITE_KEY")
        recaptchaSecretKey = reader.nonEmptyText("RECAPTCHA_SECRET_KEY")
        allowedPrivateNetworks = reader.networks("WEBHOOK_ALLOWED_PRIVATE_NETWORKS")
        blockedWebhookHosts = Set(reader.texts("WEBHOOK_HOSTNAME_BLACKLIST").map { $0.lowercased() })
        if sessionCookieSameSite == .none, !isSessionCookieSecure {
            reader.problem(
                "SESSION_COOKIE_SAMESITE", "None needs SESSION_COOKIE_SECURE: true, or browsers drop the cookie.")
        }
        if !isSessionCookieSecure, server.scheme == .https {
            reader.warning("SESSION_COOKIE_SECURE", "The session cookie would also travel over http.")
        }
    }

    private static func secret(_ key: String, _ reader: SectionReader) -> String? {
        guard let secret = reader.nonEmptyText(key) else { return nil }
        if secret.utf8.count < 16 { reader.warning(key, "The secret has fewer than 16 characters and can be guessed.") }
        return secret
    }

    private static func cookieName(_ reader: SectionReader) -> String {
        let standard = "_csrf_token"
        let name = reader.nonEmptyText("SESSION_COOKIE_NAME") ?? standard
        let isToken = name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-_.!#$%&'*+^`|~".contains($0)) }
        if !isToken { reader.problem("SESSION_COOKIE_NAME", "A cookie's name has letters, digits, - and _ only.") }
        return isToken ? name : standard
    }

    private static func origins(_ reader: SectionReader) -> [String] {
        guard let node = reader.node("CORS_ORIGIN") else { return ["*"] }
        return node.sequence == nil ? reader.text("CORS_ORIGIN").map { [$0] } ?? ["*"] : reader.texts("CORS_ORIGIN")
    }
}
