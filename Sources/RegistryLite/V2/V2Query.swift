/// The query of a request, read as HTML forms write it; a repeated name keeps all its values.
struct V2Query: Sendable {
    private let values: [String: [String]]

    /// A pair that can't be decoded is left out.
    init(_ text: String?) {
        var values: [String: [String]] = [:]
        for pair in (text ?? "").split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = Self.decoded(parts[0]), let value = Self.decoded(parts.count == 2 ? parts[1] : "") else {
                continue
            }
            values[name, default: []].append(value)
        }
        self.values = values
    }

    subscript(name: String) -> String? { values[name]?.first }

    func all(_ name: String) -> [String] { values[name] ?? [] }

    private static func decoded(_ text: Substring) -> String? {
        String(text.replacing("+", with: " ")).percentDecoded()
    }
}
