package import Foundation

/// How long what a namespace has removed can be brought back: a tag that was moved, deleted or has expired stays
/// restorable for this long after its end, and its manifest is collected no earlier.
///
/// Whole seconds, never negative; 0 means that nothing is kept. Source: Quay, `removed_tag_expiration_s`.
package struct TimeMachine: Sendable, Hashable {
    package let seconds: Int

    /// Two weeks. Source: Quay, DEFAULT_TAG_EXPIRATION.
    package static let standard = TimeMachine(seconds: 1_209_600)

    /// A negative number counts as 0.
    package init(seconds: Int) { self.seconds = max(0, seconds) }

    /// The moment at which a tag that ended at `end` can no longer be restored.
    package func deadline(ofTagEndedAt end: Date) -> Date { end + TimeInterval(seconds) }

    /// Whether a tag that ended at `end` is beyond restoring at `now`: only then may the collector take it.
    package func isOver(forTagEndedAt end: Date, at now: Date) -> Bool { deadline(ofTagEndedAt: end) <= now }

    /// The latest end that is beyond restoring at `now`: every tag that ended then or earlier may be collected.
    package func horizon(at now: Date) -> Date { now - TimeInterval(seconds) }
}
