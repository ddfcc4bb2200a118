import Foundation

/// The folder of templates and static files that belongs to this program.
///
/// Looked for beside the binary, never at a path baked in by the compiler: `../share/registrylite` and
/// `share/registrylite` for an installed copy, and the package's own `Sources/RegistryLite/Resources` for a binary that
/// runs out of a build folder.
struct ShareFolder: Sendable, Hashable {
    struct Missing: Error, Sendable, Hashable, CustomStringConvertible {
        let candidates: [String]
        var description: String {
            "The folder with page templates and static files is missing; looked at \(candidates.joined(separator: ", "))."
        }
    }

    let path: String

    var templates: String { path + "/Templates" }
    var staticFiles: String { path + "/Static" }
    var mail: String { path + "/Mail" }

    /// Finds the folder of the running program. Throws ``Missing``.
    init() throws {
        let program = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().path
        try self.init(forProgramAt: program)
    }

    /// Finds the folder that belongs to the program at this absolute path. Throws ``Missing``.
    init(forProgramAt program: String) throws {
        let candidates = Self.candidates(forProgramAt: program)
        guard let path = candidates.first(where: { Self.isFolder($0 + "/Templates") }) else {
            throw Missing(candidates: candidates)
        }
        self.path = path
    }

    /// Where the folder may be, nearest first.
    static func candidates(forProgramAt program: String) -> [String] {
        var parts = program.split(separator: "/").map(String.init)
        _ = parts.popLast()
        let folder = "/" + parts.joined(separator: "/")
        let parent = "/" + parts.dropLast().joined(separator: "/")
        var candidates = [
            (parent == "/" ? "" : parent) + "/share/registrylite",
            (folder == "/" ? "" : folder) + "/share/registrylite",
        ]
        if let build = parts.lastIndex(of: ".build") {
            let package = parts[..<build].map { "/" + $0 }.joined()
            candidates.append(package + "/Sources/RegistryLite/Resources")
        }
        return candidates
    }

    private static func isFolder(_ path: String) -> Bool {
        var isFolder: ObjCBool = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && isFolder.boolValue
    }
}
