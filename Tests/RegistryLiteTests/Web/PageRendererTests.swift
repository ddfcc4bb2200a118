import Domain
import Foundation
import Mustache
import Testing

@testable import RegistryLite

@Suite("Page renderer") struct PageRendererTests {
    private static let hostile = "\"><script>alert(1)</script><img src=x onerror=alert(1)>'`\"\u{301} onload=x"

    /// Every page with all of its parts present, and with text of a stranger wherever a stranger can put it.
    private static func pages(_ text: String) throws -> [(PageRenderer.Page, any Sendable)] {
        let site = WebSite(title: text, hostname: text, staticRoot: "/static/x")
        let repository = try SamplePages.repository("ada/hello", .public, description: text)
        let build = BuildSummary(
            uuid: "8f14e45f-ceea-467f-ab19-fc70c1b71a2b", name: text, phase: PhaseLabel("complete"),
            started: SamplePages.now, ended: SamplePages.now, tags: [text], manualUser: text, archiveURL: text,
            dockerfilePath: text, context: text)
        let failed = BuildSummary(
            uuid: text, name: text, phase: PhaseLabel("error"), started: SamplePages.now, ended: nil, tags: [text],
            manualUser: nil, archiveURL: text, dockerfilePath: text, context: text)
        let running = BuildSummary(
            uuid: text, name: text, phase: PhaseLabel(text), started: SamplePages.now, ended: nil, tags: [text],
            manualUser: nil, archiveURL: nil, dockerfilePath: text, context: text)
        let entries =
            SamplePages.log + [
                BuildLogEntry(message: text), BuildLogEntry(message: "\u{1B}]8;;\(text)\u{7}\u{1B}[31m\(text)"),
                BuildLogEntry(message: text, kind: .command, data: ["datetime": text]),
                BuildLogEntry(message: text, kind: .error), BuildLogEntry(message: text, kind: .phase),
                BuildLogEntry(message: String(repeating: "x", count: AnsiText.limit + 1)),
            ]
        let log = BuildLogView(entries, start: 7, path: "/x")
        func page(_ build: BuildSummary) -> BuildPage {
            BuildPage(
                build, repository: repository, role: .admin, timeline: SamplePages.timeline(), failure: text, log: log,
                site: site, now: SamplePages.now)
        }
        return [
            (.build, page(build)), (.build, page(failed)), (.build, page(running)),
            (
                .buildList,
                BuildListPage(
                    [build, failed, running], filter: .recent, repository: repository, role: .admin,
                    now: SamplePages.now)
            ),
            (.buildList, BuildListPage([], filter: .days2, repository: repository, role: .admin, now: SamplePages.now)),
            (.repository, RepositoryPage(repository, role: .admin, site: site)),
            (.repositoryList, RepositoryListPage([repository], isCut: true, username: text, site: site)),
            (.repositoryList, RepositoryListPage([], isCut: false, username: nil, site: site)),
            (.signIn, SignInPage(site: site, next: .home, csrfToken: text, username: text, failure: text)),
            (.error, ErrorPage(status: 500, isSignedIn: false, requestID: text)),
            (.error, ErrorPage(status: 404, isSignedIn: false, requestID: text)),
        ]
    }

    private static func render(_ page: PageRenderer.Page, _ model: any Sendable, _ text: String) throws -> String {
        let layout = Layout(
            site: WebSite(title: text, hostname: text, staticRoot: "/static/x"),
            visitor: Visitor(username: text, csrfToken: text, path: text), pageTitle: text, script: "build")
        return try SamplePages.renderer.get().html(page, model, layout: layout)
    }

    @Test("SEC-XSS: text from strangers stays text on every page") func strangersStayText() throws {
        let accentedQuote = "\"\u{301}"
        for (page, model) in try Self.pages(Self.hostile) {
            let html = try Self.render(page, model, Self.hostile)
            #expect(!html.contains("<script>"), "\(page)")
            #expect(!html.contains("<img src=x"), "\(page)")
            // Every quote of the text is escaped, also the one that carries an accent.
            let hasOpenQuote = html.utf8.contains(sequence: accentedQuote)
            #expect(!hasOpenQuote, "\(page)")
            #expect(html.contains("&lt;script&gt;alert(1)"), "\(page)")
        }
    }

    @Test("SEC-XSS: pages have no inline script, style or handler") func nothingInline() throws {
        for (page, model) in try Self.pages("x") {
            let html = try Self.render(page, model, "x")
            #expect(html.firstMatch(of: /<script(?![^>]* src=)/) == nil, "\(page)")
            #expect(html.firstMatch(of: /<style|<[^>]+ style=|<[^>]+ on[a-z]+=|javascript:/) == nil, "\(page)")
        }
    }

    @Test("every page and every partial is used, and each page is rendered by a test") func everythingIsUsed() throws {
        let renderer = try SamplePages.renderer.get()
        let folder = try ShareFolder().templates
        var reachable = Set(PageRenderer.Page.allCases.map(\.rawValue))
        var queue = Array(reachable)
        while let name = queue.popLast() {
            let text = try String(contentsOfFile: "\(folder)/\(name).mustache", encoding: .utf8)
            for partial in PageRenderer.partials(of: text) where reachable.insert(partial).inserted {
                queue.append(partial)
            }
        }
        #expect(renderer.templateNames == reachable)
        #expect(Set(try Self.pages("x").map(\.0)) == Set(PageRenderer.Page.allCases))
    }

    @Test("every name in a template is a stored property of a model: computed ones are invisible to the engine")
    func namesExist() throws {
        var known: Set = ["layout", "page", "number", "clock", "runs", "omitted", "classes", "text"]
        let layout = Layout(
            site: WebSite(title: "x", hostname: "x", staticRoot: "x"), visitor: SamplePages.visitor, pageTitle: "x",
            script: "x")
        for model in try Self.pages("x").map(\.1) + [layout] { Self.labels(of: model, into: &known) }
        let folder = try ShareFolder().templates
        for name in try SamplePages.renderer.get().templateNames {
            let text = try String(contentsOfFile: "\(folder)/\(name).mustache", encoding: .utf8)
            for match in text.matches(of: /\{\{\s*[#^]?\s*([A-Za-z][A-Za-z.]*)\s*\}\}/) {
                let unknown = match.output.1.split(separator: ".").map(String.init).filter { !known.contains($0) }
                #expect(unknown.isEmpty, "\(name): {{\(match.output.1)}}")
            }
        }
    }

    private static func labels(of value: Any, into known: inout Set<String>) {
        for child in Mirror(reflecting: value).children {
            if let label = child.label { known.insert(label) }
            labels(of: child.value, into: &known)
        }
    }

    @Test("every static file is asked for by a template, a module or a page's name") func staticFilesAreUsed() throws {
        let folder = try ShareFolder().templates
        let files = try SamplePages.staticFiles.get().files
        var texts = try SamplePages.renderer.get().templateNames.map {
            try String(contentsOfFile: "\(folder)/\($0).mustache", encoding: .utf8)
        }
        texts += files.values.map { String(decoding: $0.bytes, as: UTF8.self) }
        // The modules that WebPages names.
        texts.append("/build.js /builds.js")
        for name in files.keys {
            let file = "/" + (name.split(separator: "/").last ?? "")
            #expect(texts.contains { $0.contains(file) }, "\(name)")
        }
    }

    @Test("a set of templates with a hole, a typing error or raw text stops the start") func refuses() throws {
        var sources = Dictionary(uniqueKeysWithValues: PageRenderer.Page.allCases.map { ($0.rawValue, "x") })
        _ = try PageRenderer(sources: sources)
        for (text, isRight) in [
            ("{{>Missing}}", { (error: PageRenderer.Unusable) in if case .missing = error { true } else { false } }),
            ("{{#open}}", { error in if case .malformed = error { true } else { false } }),
            ("{{{page.name}}}", { error in if case .unescaped = error { true } else { false } }),
            ("{{&page.name}}", { error in if case .unescaped = error { true } else { false } }),
        ] {
            sources["ErrorPage"] = text
            #expect(
                performing: { _ = try PageRenderer(sources: sources) },
                throws: { ($0 as? PageRenderer.Unusable).map(isRight) ?? false })
        }
        sources["ErrorPage"] = nil
        #expect(throws: PageRenderer.Unusable.missing(template: "ErrorPage", usedBy: "the page error")) {
            try PageRenderer(sources: sources)
        }
        #expect(throws: PageRenderer.Unusable.self) { try PageRenderer(templates: "/nowhere") }
    }

    @Test("partials and their contents escape as well") func partialsEscape() throws {
        var sources = Dictionary(uniqueKeysWithValues: PageRenderer.Page.allCases.map { ($0.rawValue, "x") })
        sources["ErrorPage"] =
            "{{<Frame}}\n{{$content}}\n<p title=\"{{page.name}}\">{{>Inner}}</p>\n{{/content}}\n{{/Frame}}\n"
        sources["Frame"] = "<main>\n{{$content}}{{/content}}\n</main>"
        sources["Inner"] = "{{#page.names}}<b>{{.}}</b>{{/page.names}}"
        struct Model: Sendable { let name = "\"\u{301}<"; let names = ["<i>"] }
        let layout = Layout(
            site: WebSite(title: "x", hostname: "x", staticRoot: "x"), visitor: Visitor(), pageTitle: "x")
        let html = try PageRenderer(sources: sources).html(.error, Model(), layout: layout)
        let wanted = "<main>\n<p title=\"&quot;\u{301}&lt;\"><b>&lt;i&gt;</b></p>\n\n</main>"
        #expect(html == wanted)
    }
}

extension Sequence<UInt8> {
    fileprivate func contains(sequence text: String) -> Bool {
        let bytes = Array(self)
        let wanted = Array(text.utf8)
        guard bytes.count >= wanted.count else { return false }
        return (0...(bytes.count - wanted.count)).contains { bytes[$0..<($0 + wanted.count)].elementsEqual(wanted) }
    }
}
