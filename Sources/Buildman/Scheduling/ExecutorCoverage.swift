import Domain

/// Whether the configuration leaves builds that no executor would ever start.
///
/// Such builds wait until the configuration is changed, so they are named when the program starts.
struct ExecutorCoverage: Sendable {
    private let profiles: [ExecutorProfile]

    init(_ profiles: [ExecutorProfile]) { self.profiles = profiles }

    /// A sentence for each gap, naming the keys; empty when every build can be launched three times.
    var warnings: [String] { unused + gaps }

    /// Executors that no build would reach.
    private var unused: [String] {
        profiles.filter { $0.rule.minimumRetryThreshold > 2 }.map {
            "The executor \($0.name) is never used: its MINIMUM_RETRY_THRESHOLD is \($0.rule.minimumRetryThreshold), and "
                + "the first of three launches leaves 2."
        }
    }

    /// Launches that no executor takes, with the namespaces to which it happens.
    private var gaps: [String] {
        let byLaunches = Dictionary(grouping: groups) { group in
            // Launches are left after the first one, the second and the third.
            [2, 1, 0].filter { left in
                !profiles.contains { isOpen($0.rule, to: group) && $0.rule.minimumRetryThreshold <= left }
            }
        }
        return byLaunches.filter { !$0.key.isEmpty }.sorted { $0.key.count > $1.key.count }.map { missing, without in
            let whom = without.count == groups.count ? "any namespace" : words(without).joined(separator: ", ")
            let what =
                switch missing.count {
                case 1: "run the last launch of a build of"
                case 2: "run the second and the last launch of a build of"
                default: "start a build of"
                }
            let keys =
                (missing.count > 2 && !restricted.isEmpty ? [] : ["MINIMUM_RETRY_THRESHOLD"])
                + (restricted.isEmpty ? [] : ["NAMESPACE_WHITELIST", "STAGED_ROLLOUT"])
            return
                "No executor may \(what) \(whom): such a build waits for ever. See \(keys.joined(separator: ", ")) of "
                + "EXECUTORS (\(profiles.map(\.name).joined(separator: ", ")))."
        }
    }

    /// Namespaces between which the rules make no difference.
    private enum Group {
        case named(Username)
        /// Named nowhere, and in this bucket of STAGED_ROLLOUT or in one of the next.
        case others(UInt8)

        var isNamed: Bool { if case .named = self { true } else { false } }
    }

    private func words(_ some: [Group]) -> [String] {
        var (names, others): ([String], [Int]) = ([], [])
        for group in some {
            switch group {
            case .named(let name): names.append(name.text)
            case .others(let bucket): others.append(Int(bucket) * 100 / 256)
            }
        }
        if others.count == groups.count(where: { !$0.isNamed }) { return names + ["all others"] }
        return names + others.map { "others from \($0) % of STAGED_ROLLOUT on" }
    }

    private var restricted: [ExecutorProfile] {
        profiles.filter { $0.rule.namespaceWhitelist != nil || $0.rule.stagedRollout != nil }
    }

    private var groups: [Group] {
        let names = Set(profiles.flatMap { $0.rule.namespaceWhitelist ?? [] }).sorted().compactMap { try? Username($0) }
        // The first bucket that each share leaves out.
        let edges = Set(profiles.compactMap(\.rule.stagedRollout).map { Int((256 * $0).rounded(.up)) } + [0])
        return names.map { .named($0) } + edges.filter { $0 < 256 }.sorted().map { .others(UInt8($0)) }
    }

    private func isOpen(_ rule: ExecutorSelection.Rule, to group: Group) -> Bool {
        switch group {
        case .named(let name):
            ExecutorSelection.verdict(rule, namespace: name, retriesRemaining: .max) == .eligible
        case .others(let bucket):
            rule.stagedRollout.map { Double(bucket) < 256 * $0 } ?? (rule.namespaceWhitelist == nil)
        }
    }
}
