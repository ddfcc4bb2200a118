import Domain
package import SQL

/// What keeps the tags of one repository from being moved, deleted or let expire: a tag's own mark, and the policies.
///
/// Read in the transaction that changes the tag, so that a mark that was set a moment ago counts.
package struct TagProtection: Sendable {
    private let patterns: [TagPattern]

    init(_ patterns: [TagPattern]) { self.patterns = patterns }

    /// The protection of a repository as it is now.
    package static func of(repository repositoryID: Int64, in transaction: any Transaction) throws -> TagProtection {
        TagProtection(
            try ImmutabilityStore.policies(inRepository: repositoryID, in: transaction).map(\.pattern))
    }

    /// Whether a policy protects every tag of that name.
    package func hasPolicy(for name: String) -> Bool { patterns.contains { $0.matches(name) } }

    /// Whether an alive tag is protected, by its mark or by a policy.
    package func protects(_ name: String, marked isImmutable: Bool) -> Bool { isImmutable || hasPolicy(for: name) }

    /// Errors: `.tagImmutable` for a tag that must stay as it is.
    package func allowChange(of tag: TagStore.Pointer) throws {
        guard protects(tag.name, marked: tag.isImmutable) else { return }
        throw RegistryError(
            .tagImmutable, "The tag \(tag.name) is immutable: it can't be moved, deleted or let expire.",
            details: ["tag": tag.name])
    }
}
