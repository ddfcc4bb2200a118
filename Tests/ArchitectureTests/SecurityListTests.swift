import Foundation
import Testing

/// docs/security.md lists every class of vulnerability that the product must withstand, with the tests that prove it.
@Suite("The security list") struct SecurityListTests {
    /// A row of the table in docs/security.md: `| class | rule | SEC-… tests, or "from issue N on" |`.
    struct Row: Sendable, CustomStringConvertible {
        let name: String
        let tests: String
        var description: String { name }
    }

    static func rows() throws -> [Row] {
        try SourceTree.text("docs/security.md").components(separatedBy: "\n").compactMap { line in
            let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
            guard line.hasPrefix("|"), cells.count == 3, cells[0] != "Class", !cells[0].hasPrefix("---") else {
                return nil
            }
            return Row(name: cells[0], tests: cells[2])
        }
    }

    /// Every `SEC-<class>` that a test's name starts with.
    static let named: Set<String> = Set(
        SourceTree.tests.filter { !$0.path.hasPrefix("Tests/ArchitectureTests/") }.flatMap { file in
            file.lines.compactMap { line in
                guard let start = line.range(of: "\"SEC-") else { return nil }
                return line[start.upperBound...].split(separator: ":").first.map(String.init)
            }
        })

    @Test("every row either names tests that exist, or says what it waits for") func everyRowHasTests() throws {
        let rows = try Self.rows()
        #expect(rows.count >= 17)
        for row in rows {
            let waits = row.tests.hasPrefix("waits for ")
            #expect(waits || Self.named.contains(row.name), "no test is named SEC-\(row.name)")
            #expect(
                !waits || !Self.named.contains(row.name), "SEC-\(row.name) has tests: name them in docs/security.md")
        }
    }

    @Test("every SEC test belongs to a row") func everyTestHasARow() throws {
        let known = Set(try Self.rows().map(\.name))
        #expect(Self.named.subtracting(known).sorted() == [])
    }
}
