import Domain
import OCI

/// Which executors may start a build, and in which order they are asked. Source: Quay 6.5.
struct ExecutorSelection: Sendable {
    /// What the configuration says about one executor's share of the builds.
    struct Rule: Sendable, Hashable {
        /// Skipped when fewer launches than this are left after the current one (MINIMUM_RETRY_THRESHOLD).
        var minimumRetryThreshold = 0
        /// Namespaces that may always use it (NAMESPACE_WHITELIST).
        var namespaceWhitelist: Set<String>?
        /// The share of the other namespaces that may, from 0 to 1 (STAGED_ROLLOUT).
        var stagedRollout: Double?
    }

    enum Verdict: Sendable, Hashable {
        case eligible
        /// Not for this namespace.
        case otherNamespaces
        /// Too few launches are left: an executor further down the list shall have them.
        case fallback
    }

    static func verdict(_ rule: Rule, namespace: Username, retriesRemaining: Int) -> Verdict {
        guard isOpen(rule, to: namespace) else { return .otherNamespaces }
        return rule.minimumRetryThreshold > retriesRemaining ? .fallback : .eligible
    }

    private static func isOpen(_ rule: Rule, to namespace: Username) -> Bool {
        if let whitelist = rule.namespaceWhitelist, whitelist.contains(namespace.text) { return true }
        guard let rollout = rule.stagedRollout else { return rule.namespaceWhitelist == nil }
        // The last byte of the name's SHA-256: the same namespaces each time, more of them with each stage.
        let last = UInt8(Digest(of: Array(namespace.text.utf8)).hex.suffix(2), radix: 16)
        return Double(last ?? 255) < 256 * rollout
    }
}
