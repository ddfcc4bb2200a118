package import Foundation

/// How long after its start a person may let a tag expire.
///
/// Measured from the start and not from now, so that asking twice for the same moment does not move it.
/// Source: Quay, LABELED_EXPIRATION_MINIMUM and LABELED_EXPIRATION_MAXIMUM.
package struct TagExpiration: Sendable, Hashable {
    /// Why a moment can't be a tag's end; the message is for a person.
    package struct Refused: Error, Sendable, Hashable { package let message: String }

    /// Seconds after the start.
    package let allowedSeconds: ClosedRange<TimeInterval>

    /// From one hour to 104 weeks.
    package static let standard = TagExpiration(allowedSeconds: 3_600...62_899_200)

    package init(allowedSeconds: ClosedRange<TimeInterval>) { self.allowedSeconds = allowedSeconds }

    /// The end of a tag that began at `start`, when somebody asks at `now` for its expiry at `moment`: that moment, or the
    /// nearest allowed one.
    ///
    /// Throws ``Refused`` for a moment that is not ahead, and for a tag so old that its longest lifetime is over: an answer
    /// in the past would delete at once what its owner wants to keep for a while.
    package func end(asked moment: Date, start: Date, now: Date) throws(Refused) -> Date {
        guard moment > now else { throw Refused(message: "The expiration must be a time in the future.") }
        let seconds = moment.timeIntervalSince(start)
        let end = start + min(max(seconds, allowedSeconds.lowerBound), allowedSeconds.upperBound)
        guard end > now else {
            throw Refused(
                message:
                    "The tag is older than the longest expiration that is allowed: \(Int(allowedSeconds.upperBound)) seconds after its start."
            )
        }
        return end
    }
}
