/// What every page shows around its content: the head of the document, the header and the footer.
struct Layout: Sendable, Hashable {
    /// The colour scheme that the visitor has chosen; the device decides until they do.
    enum Theme: String, Sendable, CaseIterable {
        case device = "auto"
        case light, dark

        /// The cookie that the theme switch writes.
        static let cookieName = "theme"
    }

    /// REGISTRY_TITLE.
    let siteTitle: String
    /// The title of the document: the page's own, then the site's.
    let title: String
    /// The folder of static files with its version; see ``StaticFiles/root``.
    let staticRoot: String
    let theme: String
    /// The page's own module below `js/`, without its extension.
    let script: String?
    /// Nil while nobody is signed in.
    let username: String?
    let isSignedIn: Bool
    /// What a page's scripts send as X-CSRF-Token; nil while nobody is signed in.
    let csrfToken: String?
    /// The sign-in page with the way back.
    let signInPath: String

    /// - Parameters:
    ///   - pageTitle: what the page is about, without the site's name; empty for the front page.
    ///   - script: the page's module, or nil when it has none.
    init(site: WebSite, visitor: Visitor, pageTitle: String, script: String? = nil) {
        siteTitle = site.title
        title = pageTitle.isEmpty ? site.title : "\(pageTitle) · \(site.title)"
        staticRoot = site.staticRoot
        theme = visitor.theme.rawValue
        self.script = script
        username = visitor.username
        isSignedIn = visitor.username != nil
        csrfToken = visitor.csrfToken
        signInPath = SignInPath(returningTo: visitor.path).text
    }
}

/// What all pages of this registry have in common.
struct WebSite: Sendable, Hashable {
    /// REGISTRY_TITLE.
    let title: String
    /// SERVER_HOSTNAME, as it stands in image references.
    let hostname: String
    /// The folder of static files with its version; see ``StaticFiles/root``.
    let staticRoot: String
    /// FEATURE_BUILD_SUPPORT.
    var hasBuilds = true
}

/// Who looks at a page, and from where.
struct Visitor: Sendable, Hashable {
    /// Nil while nobody is signed in.
    let username: String?
    let csrfToken: String?
    let theme: Layout.Theme
    /// Path and query of the page, to come back to after signing in.
    let path: String

    init(username: String? = nil, csrfToken: String? = nil, theme: Layout.Theme = .device, path: String = "/") {
        self.username = username
        self.csrfToken = csrfToken
        self.theme = theme
        self.path = path
    }
}
