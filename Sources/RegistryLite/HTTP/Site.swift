import Domain
import RegistryCore

/// What the edges must know of the configuration: names, switches and limits that are not the core's business.
struct Site: Sendable {
    let urls: URLs
    /// The switches that are on.
    let features: Set<Feature>
    /// FEATURE_ANONYMOUS_ACCESS.
    var anonymousAccess = true
    /// CORS_ORIGIN: the origins that browsers may call from with their session; nobody without.
    var corsOrigins: Set<String> = []
    /// BROWSER_API_CALLS_XHR_ONLY.
    var browserCallsNeedXHR = true
    /// FRESH_LOGIN_TIMEOUT.
    var freshLoginTimeout: Duration = .seconds(600)
    /// SESSION_COOKIE_…
    var sessionCookie: SessionCookieRule
    /// REGISTRY_TITLE.
    var title = "RegistryLite"
    /// TRUSTED_PROXIES.
    var trustedProxies = TrustedProxies.none
    /// ENABLE_HEALTH_DEBUG_SECRET: who has it sees why a health check fails.
    var healthDebugSecret: String?
    /// REGISTRY_STATE is `readonly`.
    var isReadOnly = false

    init(urls: URLs, features: Set<Feature>) {
        self.urls = urls
        self.features = features
        sessionCookie = SessionCookieRule(isSecure: urls.scheme == "https")
    }

    func isOn(_ feature: Feature) -> Bool { features.contains(feature) }
}

/// How the session cookie is written. Source: SESSION_COOKIE_… of the configuration.
struct SessionCookieRule: Sendable {
    var name = "_csrf_token"
    var isSecure: Bool
    var isHTTPOnly = true
    var sameSite = "Lax"
}
