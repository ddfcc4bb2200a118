import Foundation

/// The certificates of PEM texts, and nothing else of them: a key that stands in the same file goes nowhere.
enum PEMCertificates {
    private static let begin = "-----BEGIN CERTIFICATE-----"
    private static let end = "-----END CERTIFICATE-----"

    /// Each certificate as a block of its own that ends with a line break, in order.
    static func blocks(in text: String) -> [String] {
        text.components(separatedBy: end).dropLast().compactMap { part in
            guard let start = part.range(of: begin, options: .backwards) else { return nil }
            let lines = part[start.upperBound...].split(whereSeparator: \.isNewline).map {
                $0.trimmingCharacters(in: .whitespaces)
            }
            guard !lines.isEmpty, lines.allSatisfy({ $0.utf8.allSatisfy(isBase64) }) else { return nil }
            return ([begin] + lines.filter { !$0.isEmpty } + [end]).joined(separator: "\n") + "\n"
        }
    }

    private static func isBase64(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "/"), UInt8(ascii: "="):
            true
        default: false
        }
    }
}
