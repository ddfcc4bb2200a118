/// A single YAML value: its text as written, and what the text means.
package struct YAMLScalar: Sendable, Hashable {
    package enum Value: Sendable, Hashable {
        case null
        case bool(Bool)
        case integer(Int)
        /// A whole number beyond 64 bits; the scalar's ``text`` has its digits.
        case hugeInteger
        case float(Double)
        case text(String)
    }

    /// The characters between the quotes, or those of the plain scalar: `yes` where the value is true.
    package let text: String
    package let value: Value

    package init(text: String, value: Value) {
        self.text = text
        self.value = value
    }

    /// The meaning of a plain (unquoted) scalar by the rules of YAML 1.1, as PyYAML reads it.
    ///
    /// So `yes` and `off` are booleans, `010` is eight, `1:30` is ninety, `1_000` is a thousand, while `1e3`, `08` and
    /// `0o17` are texts. Dates stay texts. Source: https://yaml.org/type/ and PyYAML's resolver.
    package static func plain(_ text: String) -> YAMLScalar {
        YAMLScalar(text: text, value: null(text) ?? bool(text) ?? integer(text) ?? float(text) ?? .text(text))
    }

    static func null(_ text: String) -> Value? {
        ["", "~", "null", "Null", "NULL"].contains(text) ? .null : nil
    }

    static func bool(_ text: String) -> Value? {
        switch text {
        case "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON": .bool(true)
        case "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF": .bool(false)
        default: nil
        }
    }

    static func integer(_ text: String) -> Value? {
        let (isNegative, unsigned) = sign(of: text)
        guard let first = unsigned.first, first.isASCII else { return nil }
        let digits = String(unsigned.filter { $0 != "_" })
        if unsigned.hasPrefix("0b") {
            return number(digits.dropFirst(2), radix: 2, isNegative, source: unsigned.dropFirst(2))
        }
        if unsigned.hasPrefix("0x") {
            return number(digits.dropFirst(2), radix: 16, isNegative, source: unsigned.dropFirst(2))
        }
        if unsigned == "0" { return .integer(0) }
        if first == "0" { return number(digits.dropFirst(), radix: 8, isNegative, source: unsigned.dropFirst()) }
        guard ("1"..."9").contains(first) else { return nil }
        guard unsigned.contains(":") else { return number(digits[...], radix: 10, isNegative, source: unsigned[...]) }
        return sexagesimal(unsigned, isNegative)
    }

    static func float(_ text: String) -> Value? {
        let (isNegative, unsigned) = sign(of: text)
        switch unsigned {
        case ".inf", ".Inf", ".INF": return .float(isNegative ? -.infinity : .infinity)
        case ".nan", ".NaN", ".NAN": return text == unsigned ? .float(.nan) : nil
        default: break
        }
        guard let dot = unsigned.firstIndex(of: ".") else { return nil }
        let whole = unsigned[..<dot]
        guard whole.allSatisfy({ isDigit($0) || $0 == "_" || $0 == ":" }) else { return nil }
        var fraction = unsigned[unsigned.index(after: dot)...]
        var exponent: Substring = ""
        if let e = fraction.firstIndex(where: { $0 == "e" || $0 == "E" }) {
            exponent = fraction[fraction.index(after: e)...]
            fraction = fraction[..<e]
            // The exponent's sign is not optional in YAML 1.1: "1.0e3" is a text.
            guard let mark = exponent.first, mark == "+" || mark == "-", exponent.count > 1,
                exponent.dropFirst().allSatisfy(isDigit)
            else { return nil }
        }
        guard fraction.allSatisfy({ isDigit($0) || $0 == "_" }) else { return nil }
        if whole.contains(":") {
            guard exponent.isEmpty, let value = sexagesimalFloat(whole, fraction) else { return nil }
            return .float(isNegative ? -value : value)
        }
        if whole.isEmpty {
            guard let first = fraction.first, isDigit(first), text == unsigned else { return nil }
        } else if let first = whole.first, !isDigit(first) {
            return nil
        }
        let plain = "\(whole.isEmpty ? "0" : whole).\(fraction.isEmpty ? "0" : fraction)".filter { $0 != "_" }
        let tail = plain.hasSuffix(".") ? "0" : ""
        guard let value = Double(plain + tail + (exponent.isEmpty ? "" : "e\(exponent)")) else { return nil }
        return .float(isNegative ? -value : value)
    }

    private static func sign(of text: String) -> (isNegative: Bool, unsigned: String) {
        switch text.first {
        case "-": (true, String(text.dropFirst()))
        case "+": (false, String(text.dropFirst()))
        default: (false, text)
        }
    }

    private static func isDigit(_ character: Character) -> Bool { ("0"..."9").contains(character) }

    private static func number(_ digits: Substring, radix: Int, _ isNegative: Bool, source: Substring) -> Value? {
        guard !digits.isEmpty, digits.allSatisfy({ $0.isASCII && ($0.hexDigitValue ?? 99) < radix }) else { return nil }
        return Int((isNegative ? "-" : "") + digits, radix: radix).map { .integer($0) } ?? .hugeInteger
    }

    private static func sexagesimal(_ text: String, _ isNegative: Bool) -> Value? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts[0].allSatisfy({ isDigit($0) || $0 == "_" }) else { return nil }
        var total = 0
        for (index, part) in parts.enumerated() {
            let digits = part.filter { $0 != "_" }
            guard let value = Int(digits), index == 0 || isSixtieth(part) else {
                return index == 0 && !digits.isEmpty ? .hugeInteger : nil
            }
            let (scaled, overflow) = total.multipliedReportingOverflow(by: 60)
            let (sum, overflowToo) = scaled.addingReportingOverflow(value)
            if overflow || overflowToo { return .hugeInteger }
            total = sum
        }
        return .integer(isNegative ? -total : total)
    }

    private static func sexagesimalFloat(_ whole: Substring, _ fraction: Substring) -> Double? {
        let parts = whole.split(separator: ":", omittingEmptySubsequences: false)
        guard let head = parts.first, let first = head.first, isDigit(first),
            head.allSatisfy({ isDigit($0) || $0 == "_" }),
            parts.dropFirst().allSatisfy(isSixtieth)
        else { return nil }
        let numbers = parts.map { Double($0.filter { $0 != "_" }) ?? 0 }
        return numbers.reduce(0) { $0 * 60 + $1 } + (Double("0." + fraction.filter { $0 != "_" } + "0") ?? 0)
    }

    /// `0`…`59`, with or without a leading zero.
    private static func isSixtieth(_ part: Substring) -> Bool {
        guard part.count == 1 || part.count == 2, part.allSatisfy(isDigit) else { return false }
        return part.count == 1 || ("0"..."5").contains(part.first ?? "9")
    }
}
