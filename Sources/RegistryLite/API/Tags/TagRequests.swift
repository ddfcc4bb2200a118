import Domain
import Foundation
import OCI
import RegistryCore

/// The queries and bodies of the tag routes.
enum TagRequests {
    static let changeSchema = BodySchema(
        "ChangeTag",
        .optional(
            "manifest_digest", .string(), nullable: true, "The manifest that the tag shall point at"),
        .optional(
            "expiration", .number, nullable: true,
            "When the tag expires, in seconds since 1970; null for never"),
        .optional("immutable", .boolean, nullable: true, "Whether the tag is protected from changes"))
    static let restoreSchema = BodySchema(
        "RestoreTag", .optional("manifest_digest", .string(), "The manifest to go back to; required"))
    static let policySchema = BodySchema(
        "NewImmutabilityPolicy",
        .required("tagPattern", .string(), "A tag name, or a glob: * for any characters, ? for one"))

    static let listQuery = [
        QueryParameter("onlyActiveTags", .boolean, "Only tags that are alive now, without history"),
        QueryParameter("specificTag", .string, "Only the tag of exactly this name"),
        QueryParameter("filter_tag_name", .string, "like:part of a name, or eq:name"),
        QueryParameter("limit", .integer, "Rows on a page, 1 to 100; 50 without"),
        QueryParameter("page", .integer, "The number of the page, from 1"),
        QueryParameter(
            "next_page", .string, "The token of the page before, instead of page: as fast on any page"),
    ]

    /// What a list asks for; nil where no name can match.
    struct List: Sendable {
        let filter: TagHistoryStore.Filter?
        let limit: Int
        let page: Int

        /// Errors: `.invalidRequest` for a filter that is none, and for numbers that are none.
        init(_ query: QueryValues) throws {
            let names = try Self.names(query)
            filter = names.map { .init($0, isAliveOnly: query.bool("onlyActiveTags")) }
            limit = min(max(try query.integer("limit") ?? 50, 1), TagHistoryService.maximumPage)
            // The product with the largest page size must still be a number that databases know.
            page = min(max(try query.integer("page") ?? 1, 1), 1 << 40)
        }

        private static func names(_ query: QueryValues) throws -> TagHistoryStore.Filter.Names? {
            if let name = query["specificTag"], !name.isEmpty { return exactly(name) }
            guard let filter = query["filter_tag_name"], !filter.isEmpty else { return .any }
            let halves = filter.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            guard halves.count == 2, ["like", "eq"].contains(halves[0]) else {
                throw RegistryError(
                    .invalidRequest, "filter_tag_name must be like:<part of a name> or eq:<name>.")
            }
            let text = String(halves[1])
            if halves[0] == "eq" { return exactly(text) }
            if text.isEmpty { return .any }
            // What no name holds is in none, and need not be looked for.
            return TagName(escaping: "_" + text).text == "_" + text ? .containing(text) : nil
        }

        private static func exactly(_ text: String) -> TagHistoryStore.Filter.Names? {
            do { return .exactly(try TagName(text)) } catch { return nil }
        }
    }

    /// A tag's name in the path. Errors: `.invalidRequest` in the words of Quay.
    static func name(_ request: APIRequest) throws -> TagName {
        do { return try TagName(try request.parameter("tag")) } catch let error as TagName.Malformed {
            throw RegistryError(.invalidRequest, error.message)
        }
    }

    /// Errors: `.invalidRequest`.
    static func change(_ body: JSONValue) throws -> TagService.Change {
        TagService.Change(
            manifest: try body["manifest_digest"]?.string.map(digest), expiration: try expiration(body),
            isImmutable: body["immutable"]?.bool)
    }

    /// The digest that a body names. Errors: `.invalidRequest` when it is missing or none, `.notFound` never.
    static func restoredDigest(_ body: JSONValue) throws -> Digest {
        guard let text = body["manifest_digest"]?.string else {
            throw RegistryError(.invalidRequest, "'manifest_digest' is a required property")
        }
        return try digest(text)
    }

    private static func digest(_ text: String) throws -> Digest {
        do { return try Digest(text) } catch { throw RegistryError(.invalidRequest, error.message) }
    }

    /// Null is an answer: it clears the expiry.
    private static func expiration(_ body: JSONValue) throws -> TagService.Change.Expiration? {
        switch body["expiration"] {
        case nil: nil
        case .null: .never
        case .integer(let seconds): .at(Date(timeIntervalSince1970: TimeInterval(seconds)))
        case .real(let seconds): .at(Date(timeIntervalSince1970: seconds))
        default:
            throw RegistryError(
                .invalidRequest, "expiration must be a number of seconds since 1970, or null.")
        }
    }
}
