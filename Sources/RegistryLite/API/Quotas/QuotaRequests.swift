import Domain
import RegistryCore

/// What the bodies of the quota routes say.
enum QuotaRequests {
    private static let sizes: [BodySchema.Field] = [
        .optional("limit_bytes", .integer(minimum: 1), "How many bytes the namespace may hold"),
        .optional("limit", .string(), "The same as text, such as 10 GiB"),
        .optional("limit_tags", .integer(minimum: 0), nullable: true, "How many tags the namespace may have"),
    ]
    static let newQuota = BodySchema("NewNamespaceQuota", fields: sizes)
    static let changedQuota = BodySchema("UpdateNamespaceQuota", fields: sizes)
    static let newLimit = BodySchema(
        "NewOrgQuotaLimit", .required("type", .string(), "Warning or Reject"),
        .required("threshold_percent", .integer(), "The part of the quota, in percent"))
    static let changedLimit = BodySchema(
        "UpdateOrgQuotaLimit", .optional("type", .string(), "Warning or Reject"),
        .optional("threshold_percent", .integer(), "The part of the quota, in percent"))

    /// The bytes that a body names, as a number or as text; nil when it names none. Errors: `.invalidRequest`.
    static func limitBytes(_ body: JSONValue) throws -> Int64? {
        if let number = body["limit_bytes"]?.integer { return number }
        guard let text = body["limit"]?.string else { return nil }
        guard let size = ByteSize(text) else {
            throw RegistryError(.invalidRequest, "The limit must be a size such as 10 GiB.")
        }
        return size.bytes
    }

    /// Errors: `.invalidRequest` for a word that is no kind.
    static func kind(_ body: JSONValue) throws -> QuotaLimit.Kind? {
        guard let text = body["type"]?.string else { return nil }
        guard let kind = QuotaLimit.Kind.allCases.first(where: { $0.rawValue.lowercased() == text.lowercased() }) else {
            throw RegistryError(.invalidRequest, "The type of a quota limit is Warning or Reject.")
        }
        return kind
    }

    /// Errors: `.invalidRequest` for a number that no percentage can be.
    static func percent(_ body: JSONValue) throws -> Int? {
        guard let number = body["threshold_percent"]?.integer else { return nil }
        guard let percent = Int(exactly: number) else {
            throw RegistryError(.invalidRequest, "Quota limit threshold must be between 1 and 100")
        }
        return percent
    }
}
