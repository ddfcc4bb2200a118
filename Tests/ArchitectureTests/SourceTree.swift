import Foundation

/// The repository's own files, as the laws of the house look at them.
struct SourceFile: Sendable, CustomStringConvertible {
    /// Relative to the package folder, such as `Sources/Domain/Tags/TagName.swift`.
    let path: String
    let lines: [String]

    var description: String { path }
    var text: String { lines.joined(separator: "\n") }
    var name: String { (path as NSString).lastPathComponent }
    var isGenerated: Bool { path.contains("/Generated/") }

    /// The target that the file belongs to: its folder below `Sources`, or below `Sources/Kits`.
    var target: String {
        let parts = path.split(separator: "/").map(String.init)
        return parts[1] == "Kits" ? parts[2] : parts[1]
    }

    var isKit: Bool { path.hasPrefix("Sources/Kits/") }

    /// The modules that the file imports, without access levels and attributes.
    var imports: [String] {
        lines.compactMap { line in
            let words = line.split(separator: " ").map(String.init)
            guard let keyword = words.firstIndex(of: "import"),
                words[..<keyword].allSatisfy({
                    ["package", "internal", "private", "fileprivate"].contains($0) || $0.hasPrefix("@")
                }),
                let last = words.last
            else { return nil }
            let kinds: Set = ["struct", "class", "enum", "protocol", "func", "let", "var", "typealias"]
            let named =
                kinds.contains(words[keyword + 1]) ? last.split(separator: ".").first.map(String.init) ?? last : last
            return named
        }
    }
}

enum SourceTree {
    static let root: URL = {
        var folder = URL(fileURLWithPath: #filePath)
        while folder.path != "/", !FileManager.default.fileExists(atPath: folder.appending(path: "Package.swift").path)
        {
            folder.deleteLastPathComponent()
        }
        return folder
    }()

    static let sources = swiftFiles(below: "Sources")
    static let tests = swiftFiles(below: "Tests")

    static func text(_ path: String) throws -> String {
        try String(contentsOf: root.appending(path: path), encoding: .utf8)
    }

    private static func swiftFiles(below folder: String) -> [SourceFile] {
        let base = root.appending(path: folder)
        let paths = FileManager.default.enumerator(atPath: base.path)?.compactMap { $0 as? String } ?? []
        return paths.filter { $0.hasSuffix(".swift") }.sorted().compactMap { path in
            guard let text = try? String(contentsOf: base.appending(path: path), encoding: .utf8) else { return nil }
            return SourceFile(path: "\(folder)/\(path)", lines: text.components(separatedBy: "\n"))
        }
    }
}
