import Domain

/// The sign-in form, and what it says after a try that failed.
struct SignInPage: Sendable, Hashable {
    let siteTitle: String
    /// Where the visitor goes afterwards.
    let next: String
    /// Guards the form against being sent by another site.
    let csrfToken: String
    /// What was typed, so that only the password has to be typed again.
    let username: String
    /// Why the last try failed; nil on the first.
    let failure: String?

    init(site: WebSite, next: ReturnPath, csrfToken: String, username: String = "", failure: String? = nil) {
        siteTitle = site.title
        self.next = next.text
        self.csrfToken = csrfToken
        self.username = username
        self.failure = failure
    }

    /// What the form says about an error; nil for one that the form can't help with.
    static func failure(for error: RegistryError) -> String? {
        switch error.kind {
        case .badCredentials, .unauthenticated, .throttled, .forbidden, .invalidRequest: error.message
        default: nil
        }
    }
}
