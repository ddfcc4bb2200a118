/// What a namespace may hold, and at which parts of it something happens.
///
/// A quota by itself only measures: without a limit of the kind `Reject` nothing is ever refused. Source: Quay, quota
/// management; the number of tags is ours.
package struct Quota: Sendable, Hashable {
    /// nil for the quota of DEFAULT_SYSTEM_REJECT_QUOTA_BYTES, which stands in no row.
    package let id: Int64?
    /// Bytes; at least 1.
    package let limitBytes: Int64
    /// Alive tags; nil for no limit on tags.
    package let limitTags: Int64?
    /// In ascending order of their percentage.
    package let limits: [QuotaLimit]

    package init(id: Int64?, limitBytes: Int64, limitTags: Int64? = nil, limits: [QuotaLimit]) {
        self.id = id
        self.limitBytes = limitBytes
        self.limitTags = limitTags
        self.limits = limits.sorted { ($0.percent, $0.kind.rawValue) < ($1.percent, $1.kind.rawValue) }
    }

    /// The quota of every namespace that has none of its own. Source: Quay, DEFAULT_SYSTEM_REJECT_QUOTA_BYTES.
    package static func system(rejectingAbove bytes: Int64) -> Quota {
        Quota(id: nil, limitBytes: bytes, limits: [QuotaLimit(id: nil, kind: .reject, percent: 100)])
    }
}

/// A part of a quota above which pushes are warned or refused.
package struct QuotaLimit: Sendable, Hashable {
    /// The raw values are the API's words.
    package enum Kind: String, Sendable, Hashable, CaseIterable {
        case warning = "Warning"
        case reject = "Reject"
    }

    package let id: Int64?
    package let kind: Kind
    package let percent: Int

    /// What `threshold_percent` may be.
    package static let allowedPercent = 1...100

    package init(id: Int64?, kind: Kind, percent: Int) {
        self.id = id
        self.kind = kind
        self.percent = percent
    }

    /// This part of `whole`, rounded down.
    package func part(of whole: Int64) -> Int64 {
        // In two steps: a whole near the largest number must not overflow.
        whole / 100 * Int64(percent) + whole % 100 * Int64(percent) / 100
    }
}

/// What a namespace holds.
package struct QuotaUsage: Sendable, Hashable {
    /// Bytes: every blob once, and every manifest in each repository that has it.
    package var bytes: Int64
    /// Visible tags that are alive.
    package var tags: Int64

    package init(bytes: Int64, tags: Int64) {
        self.bytes = bytes
        self.tags = tags
    }

    package static let nothing = QuotaUsage(bytes: 0, tags: 0)

    package static func + (left: QuotaUsage, right: QuotaUsage) -> QuotaUsage {
        QuotaUsage(bytes: left.bytes + right.bytes, tags: left.tags + right.tags)
    }

    package static func - (left: QuotaUsage, right: QuotaUsage) -> QuotaUsage {
        QuotaUsage(bytes: left.bytes - right.bytes, tags: left.tags - right.tags)
    }
}

extension Quota {
    /// What is measured.
    private enum Measure: String, CaseIterable {
        case bytes, tags
    }

    /// The limits of one kind that `usage` lies above, highest first, as sentences for a person.
    package func exceeded(_ kind: QuotaLimit.Kind, by usage: QuotaUsage) -> [String] {
        thresholds(kind).filter { value(of: $0.measure, in: usage) > $0.threshold }.reversed().map(sentence)
    }

    /// The sentence that refuses a growth; nil when it may happen. What doesn't grow is never refused, however full the
    /// namespace is: a tag may always be moved to what is already there.
    package func refusal(of growth: QuotaUsage, to usage: QuotaUsage) -> String? {
        thresholds(.reject).first {
            value(of: $0.measure, in: growth) > 0 && value(of: $0.measure, in: usage) > $0.threshold
        }.map(sentence)
    }

    /// The warnings that a growth to `usage` crosses, as sentences: each is told once, when it is crossed.
    package func crossed(by growth: QuotaUsage, to usage: QuotaUsage) -> [String] {
        thresholds(.warning).filter { limit in
            let now = value(of: limit.measure, in: usage)
            return now > limit.threshold && now - value(of: limit.measure, in: growth) <= limit.threshold
        }.map(sentence)
    }

    /// How many bytes may still come before pushes are refused; nil when nothing refuses them, never below 0.
    package func roomBytes(at usage: QuotaUsage) -> Int64? {
        thresholds(.reject).first { $0.measure == .bytes }.map { max(0, $0.threshold - usage.bytes) }
    }

    private struct Threshold {
        let measure: Measure
        let percent: Int
        /// The most that is allowed.
        let threshold: Int64
    }

    /// Bytes before tags, each in ascending order.
    private func thresholds(_ kind: QuotaLimit.Kind) -> [Threshold] {
        Measure.allCases.flatMap { measure in
            guard let whole = measure == .bytes ? limitBytes : limitTags else { return [Threshold]() }
            return limits.filter { $0.kind == kind }.map {
                Threshold(measure: measure, percent: $0.percent, threshold: $0.part(of: whole))
            }
        }
    }

    private func value(of measure: Measure, in usage: QuotaUsage) -> Int64 {
        measure == .bytes ? usage.bytes : usage.tags
    }

    private func sentence(_ limit: Threshold) -> String {
        let whole = limit.measure == .bytes ? limitBytes : limitTags ?? 0
        return "more than \(limit.percent) % of the namespace's quota of \(whole) \(limit.measure.rawValue)"
    }
}
