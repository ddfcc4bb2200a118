import Foundation
import Testing

/// The laws that a compiler can't keep.
@Suite("House rules") struct HouseRuleTests {
    static let handWritten = (SourceTree.sources + SourceTree.tests).filter { !$0.isGenerated }

    @Test("no hand-written file is longer than 400 lines", arguments: handWritten)
    func filesStayShort(file: SourceFile) {
        #expect(
            file.lines.count <= 401, "\(file) has \(file.lines.count) lines: which second responsibility lives in it?")
    }

    @Test("a file name is unique in its target") func namesAreUnique() {
        let names = Dictionary(grouping: SourceTree.sources, by: { "\($0.target)/\($0.name)" })
        #expect(names.filter { $0.value.count > 1 }.keys.sorted() == [])
    }

    @Test("no file is called after nothing in particular", arguments: SourceTree.sources)
    func namesSaySomething(file: SourceFile) {
        let words = ["Utils", "Utilities", "Helpers", "Helper", "Common", "Extensions", "Misc", "Manager"]
        let base = String(file.name.dropLast(".swift".count))
        #expect(!words.contains { base.hasSuffix($0) } || base == "BuildManager")
    }

    @Test("SQL stands only in stores, the queue, the schema and the SQL kits", arguments: SourceTree.sources)
    func sqlStaysInStores(file: SourceFile) {
        let kits: Set = ["SQL", "SQLiteDriver", "PostgresDriver"]
        let base = String(file.name.dropLast(".swift".count))
        let mayHoldSQL =
            kits.contains(file.target) || base.hasSuffix("Store") || base.contains("Store+")
            || file.path.contains("/WorkQueue/") || file.path.contains("/Schema/")
        guard !mayHoldSQL else { return }
        let statements = try? Regex(#"\b(SELECT .+ FROM|INSERT INTO|UPDATE \w+ SET|DELETE FROM|CREATE TABLE)\b"#)
        #expect(statements.map { file.text.contains($0) } == false)
    }

    @Test("time, chance and identifiers come from Runtime", arguments: SourceTree.sources)
    func runtimeIsTheOnlySource(file: SourceFile) {
        guard file.target != "Runtime", !file.isGenerated else { return }
        for forbidden in ["Date()", "Date.now", "UUID()", ".random(in", "Task.sleep", "SystemRandomNumberGenerator()"] {
            let uses = file.lines.filter {
                $0.contains(forbidden) && !$0.trimmingCharacters(in: .whitespaces).hasPrefix("//")
            }
            #expect(uses.isEmpty, "\(file) uses \(forbidden)")
        }
    }

    @Test("nothing is forced, unchecked or left for later", arguments: SourceTree.sources)
    func nothingIsForced(file: SourceFile) {
        guard !file.isGenerated else { return }
        let forbidden = [
            "try!", " as! ", "@unchecked Sendable", "nonisolated(unsafe)", "fatalError(", "TODO", "FIXME",
            "Bundle.module",
            "catch {}", "catch { }", "FoundationNetworking",
        ]
        for word in forbidden { #expect(!file.text.contains(word), "\(file) has \(word)") }
    }
}
