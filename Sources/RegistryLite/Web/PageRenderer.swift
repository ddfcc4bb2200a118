import Foundation
import Mustache

/// Turns page models into HTML with the templates of the share folder, which are read and checked once at start.
struct PageRenderer: Sendable {
    /// The pages there are. The raw value is the template's path below `Templates`, without its extension.
    enum Page: String, CaseIterable, Sendable {
        case repositoryList = "Repositories/RepositoryListPage"
        case repository = "Repositories/RepositoryPage"
        case buildList = "Builds/BuildListPage"
        case build = "Builds/BuildPage"
        case signIn = "SignIn/SignInPage"
        case error = "ErrorPage"
    }

    /// What is wrong with the templates; the program doesn't start with it.
    enum Unusable: Error, Sendable, Hashable, CustomStringConvertible {
        case missing(template: String, usedBy: String)
        case malformed(template: String, reason: String)
        /// Only text nodes: a template that switches escaping off is refused.
        case unescaped(template: String)

        var description: String {
            switch self {
            case .missing(let template, let user): "The template \(template), needed by \(user), is missing."
            case .malformed(let template, let reason): "The template \(template) can't be parsed: \(reason)"
            case .unescaped(let template): "The template \(template) inserts text without escaping it."
            }
        }
    }

    private let library: MustacheLibrary
    /// The names of all templates that were found, pages and partials alike.
    let templateNames: Set<String>

    /// Reads every template below `folder`. Throws ``Unusable``.
    init(templates folder: String) throws {
        try self.init(sources: Self.read(folder))
    }

    /// - Parameter sources: template texts by name.
    init(sources: [String: String]) throws {
        MustacheContentTypes.register(PageEscaping(), named: PageEscaping.contentTypeName)
        var library = MustacheLibrary()
        for (name, text) in sources {
            guard !text.contains("{{{"), !text.contains("{{&") else { throw Unusable.unescaped(template: name) }
            for partial in Self.partials(of: text) where sources[partial] == nil {
                throw Unusable.missing(template: partial, usedBy: name)
            }
            do {
                try library.register("{{% CONTENT_TYPE:\(PageEscaping.contentTypeName)}}\n" + text, named: name)
            } catch { throw Unusable.malformed(template: name, reason: "\(error)") }
        }
        for page in Page.allCases where sources[page.rawValue] == nil {
            throw Unusable.missing(template: page.rawValue, usedBy: "the page \(page)")
        }
        self.library = library
        templateNames = Set(sources.keys)
    }

    /// The whole HTML document of a page.
    func html(_ page: Page, _ model: some Sendable, layout: Layout) -> String {
        let context: [String: Any] = ["layout": layout, "page": model]
        // Present for every page: `init` has refused a set of templates without it.
        return library.render(context, withTemplate: page.rawValue) ?? ""
    }

    /// The templates that a text pulls in: `{{>name}}` and `{{<name}}`.
    static func partials(of text: String) -> Set<String> {
        Set(text.matches(of: /\{\{\s*[<>]\s*([A-Za-z0-9\/]+)\s*\}\}/).map { String($0.output.1) })
    }

    private static func read(_ folder: String) throws -> [String: String] {
        guard let entries = FileManager.default.enumerator(atPath: folder) else {
            throw Unusable.missing(template: folder, usedBy: "every page")
        }
        var sources: [String: String] = [:]
        for case let path as String in entries where path.hasSuffix(".mustache") {
            let name = String(path.dropLast(".mustache".count))
            do {
                sources[name] = try String(contentsOfFile: "\(folder)/\(path)", encoding: .utf8)
            } catch { throw Unusable.malformed(template: name, reason: "\(error)") }
        }
        return sources
    }
}
