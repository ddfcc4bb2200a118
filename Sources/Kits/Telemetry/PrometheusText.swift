/// The words of the Prometheus text format, version 0.0.4.
package enum PrometheusText {
    /// The Content-Type of an answer in this format.
    package static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    /// A metric's name: letters, digits, `_` and `:`, not starting with a digit; other characters become `_`.
    static func metricName(_ name: String) -> String { word(name, allowing: { $0 == "_" || $0 == ":" }) }

    /// A label's name: as a metric's, without `:`; `__` at the start is Prometheus' own.
    static func labelName(_ name: String) -> String {
        let word = word(name, allowing: { $0 == "_" })
        return word.hasPrefix("__") ? "label" + word : word
    }

    private static func word(_ text: String, allowing isAllowed: (Character) -> Bool) -> String {
        let word = String(text.map { ($0.isASCII && ($0.isLetter || $0.isNumber)) || isAllowed($0) ? $0 : "_" })
        return word.first.map { $0.isNumber } ?? true ? "_" + word : word
    }

    /// `{name="value",…}`, or nothing without labels.
    static func labels(_ labels: [(String, String)]) -> String {
        guard !labels.isEmpty else { return "" }
        return "{" + labels.map { "\($0)=\"\(escaped($1, quote: true))\"" }.joined(separator: ",") + "}"
    }

    /// A help text or (with `quote`) a label value: backslashes and line feeds would end it early.
    static func escaped(_ text: String, quote: Bool) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\"" where quote: result += "\\\""
            // Not asked for by the format, but readers that split lines at it would see two.
            case "\r": result += " "
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        return Int64(exactly: value).map(String.init) ?? String(value)
    }
}
