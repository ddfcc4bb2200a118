import Foundation

/// Texts that mean a time or a size, as they stand in configurations.
enum Quantities {
    /// A whole number with `s`, `m`, `h`, `d` or `w`: `10m` are ten minutes. Source: Quay's duration strings.
    static func duration(_ text: String) -> Duration? {
        let units: [Character: Int64] = ["s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800]
        guard let unit = text.last.flatMap({ units[$0] }), let count = wholeNumber(text.dropLast()) else { return nil }
        let (seconds, overflow) = count.multipliedReportingOverflow(by: unit)
        // A century is more than anybody means, and keeps dates computable.
        guard !overflow, seconds <= 100 * 366 * 86_400 else { return nil }
        return .seconds(seconds)
    }

    /// A number with `K`, `M`, `G`, `T` (powers of 1000) or `Ki`, `Mi`, `Gi`, `Ti` (of 1024), or none of them; a trailing `B`
    /// is allowed: `20G` are 20,000,000,000 bytes.
    static func bytes(_ text: String) -> Int64? {
        var rest = text[...]
        if rest.last == "B" || rest.last == "b" { rest.removeLast() }
        var base: Double = 1000
        if rest.last == "i" {
            base = 1024
            rest.removeLast()
        }
        var power = 0
        if let unit = rest.last, let index = "KMGT".firstIndex(of: Character(unit.uppercased())) {
            power = "KMGT".distance(from: "KMGT".startIndex, to: index) + 1
            rest.removeLast()
        }
        guard power > 0 || base == 1000 else { return nil }
        while rest.last == " " { rest.removeLast() }
        guard rest.allSatisfy({ $0.isASCII && ($0.isNumber || $0 == ".") }), let number = Double(rest) else {
            return nil
        }
        let value = number * pow(base, Double(power))
        return value.rounded() == value || power > 0
            ? Int64(exactly: value.rounded(.down)).flatMap { $0 > 0 ? $0 : nil } : nil
    }

    /// A Kubernetes quantity of processors: `500m` or `1`, `0.5`; in thousandths of one. Nil unless it is positive.
    static func processors(_ text: String) -> Int64? {
        if text.last == "m" { return wholeNumber(text.dropLast()).flatMap { $0 > 0 ? $0 : nil } }
        guard text.allSatisfy({ $0.isASCII && ($0.isNumber || $0 == ".") }), let number = Double(text), number > 0,
            number < 1e9
        else { return nil }
        return max(1, Int64(number * 1000))
    }

    /// Whether Kubernetes reads `text` as an amount of memory: `5120Mi`, `5G`; not `5GB`, and `k` is small.
    static func isMemoryQuantity(_ text: String) -> Bool {
        let digits = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        let units: Set<Substring> = ["", "Ki", "Mi", "Gi", "Ti", "k", "M", "G", "T"]
        return Double(digits).map { $0 > 0 } ?? false && units.contains(text.dropFirst(digits.count))
    }

    private static func wholeNumber(_ text: Substring) -> Int64? {
        guard !text.isEmpty, text.allSatisfy({ $0.isASCII && $0.isNumber }) else { return nil }
        return Int64(text)
    }
}

/// A size as it was written (for tools that have their own notation) and in bytes.
package struct ByteSize: Sendable, Hashable {
    package let text: String
    package let bytes: Int64

    /// Nil unless `text` is a positive size such as `20G`, `512Mi` or `1048576`.
    package init?(_ text: String) {
        guard let bytes = Quantities.bytes(text) else { return nil }
        self.text = text
        self.bytes = bytes
    }

    init(text: String, bytes: Int64) {
        self.text = text
        self.bytes = bytes
    }
}
