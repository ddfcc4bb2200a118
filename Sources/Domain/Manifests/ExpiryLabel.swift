package import typealias Foundation.TimeInterval

/// The label by which an image says how long its tags live: `quay.expires-after=20h`.
///
/// Shape: a whole number, then `s`, `m`, `h`, `d`, `w` or `y` (365 days). It counts from the moment at which a tag begins
/// to point at the image, whenever that was built. Nothing, zero and more than a century mean no expiry.
/// Source: guide 4.2.1.
package struct ExpiryLabel: Sendable, Hashable {
    package static let key = "quay.expires-after"

    /// Seconds.
    package let lifetime: TimeInterval

    /// Nil for a value that is no lifetime: the label is then one like any other.
    package init?(_ value: String) {
        let units: [UInt8: Int64] = [
            UInt8(ascii: "s"): 1, UInt8(ascii: "m"): 60, UInt8(ascii: "h"): 3600, UInt8(ascii: "d"): 86_400,
            UInt8(ascii: "w"): 604_800, UInt8(ascii: "y"): 31_536_000,
        ]
        let digits = value.utf8.dropLast()
        guard let unit = value.utf8.last.flatMap({ units[$0] }), !digits.isEmpty,
            digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
            let count = Int64(String(decoding: digits, as: UTF8.self)), count > 0
        else { return nil }
        let (seconds, overflow) = count.multipliedReportingOverflow(by: unit)
        guard !overflow, seconds <= 100 * 366 * 86_400 else { return nil }
        lifetime = TimeInterval(seconds)
    }
}
