import Domain

/// The query of a request, read as HTML forms write it; a repeated name keeps all its values.
struct V2Query: Sendable {
    private let values: [String: [String]]

    /// A pair that can't be decoded is left out. Errors: `.invalidRequest` for a character that stands in no name.
    init(_ text: String?) throws {
        var values: [String: [String]] = [:]
        for pair in (text ?? "").split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = Self.decoded(parts[0]), let value = Self.decoded(parts.count == 2 ? parts[1] : "") else {
                continue
            }
            // No database holds U+0000, and nothing that can be asked for has control characters.
            guard value.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7F }) else {
                throw RegistryError(.invalidRequest, "The parameter \(name.prefix(64)) has a control character.")
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
