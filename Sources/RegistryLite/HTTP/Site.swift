import Domain

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
    /// SESSION_COOKIE_NAME.
    var sessionCookieName = "_csrf_token"
    /// TAG_EXPIRATION_OPTIONS, in seconds.
    var tagExpirationSeconds: [Int] = [0, 86_400, 604_800, 1_209_600, 2_419_200]
    /// REGISTRY_TITLE.
    var title = "Project Quay"

    func isOn(_ feature: Feature) -> Bool { features.contains(feature) }
}
