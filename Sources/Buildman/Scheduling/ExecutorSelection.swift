import Domain
import Foundation
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
        /// It failed to start builders, and is left alone until then.
        case paused(until: Date)
        /// It failed to start builders, and another build finds out whether it does again.
        case probed

        /// The label `reason` of the metric; nil for an executor that is not skipped.
        var reason: String? {
            switch self {
            case .eligible: nil
            case .otherNamespaces: "namespace"
            case .fallback: "threshold"
            case .paused: "unhealthy"
            case .probed: "probed"
            }
        }
    }

    /// What the configuration says, whatever the executor's health.
    static func verdict(_ rule: Rule, namespace: Username, retriesRemaining: Int) -> Verdict {
        guard isOpen(rule, to: namespace) else { return .otherNamespaces }
        return rule.minimumRetryThreshold > retriesRemaining ? .fallback : .eligible
    }

    /// The same for an executor in this state of health.
    static func verdict(
        _ rule: Rule, _ health: ExecutorHealth.Availability, namespace: Username, retriesRemaining: Int
    ) -> Verdict {
        let verdict = verdict(rule, namespace: namespace, retriesRemaining: retriesRemaining)
        guard verdict == .eligible else { return verdict }
        switch health {
        case .ready, .due: return .eligible
        case .paused(let moment): return .paused(until: moment)
        case .probed: return .probed
        }
    }

    private static func isOpen(_ rule: Rule, to namespace: Username) -> Bool {
        if let whitelist = rule.namespaceWhitelist, whitelist.contains(namespace.text) { return true }
        guard let rollout = rule.stagedRollout else { return rule.namespaceWhitelist == nil }
        return Double(bucket(of: namespace)) < 256 * rollout
    }

    /// 0 to 255, from the last byte of the name's SHA-256: the same namespaces each time, more of them with each stage.
    static func bucket(of namespace: Username) -> UInt8 {
        UInt8(Digest(of: Array(namespace.text.utf8)).hex.suffix(2), radix: 16) ?? 255
    }
}
