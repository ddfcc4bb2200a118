import Domain
import Foundation
import Runtime

/// The folder of one build: source, secrets, the runtime's files; gone when the build ends.
struct BuildWorkspace: Sendable, Hashable {
    /// Mode 0700.
    let folder: URL

    var source: URL { folder.appending(path: "source") }
    var files: RuntimeFiles { RuntimeFiles(folder: folder.appending(path: "runtime")) }

    /// Makes a new folder below `parent`.
    static func make(below parent: String, randomness: Randomness = .system) throws -> BuildWorkspace {
        let name = "build-" + randomness.text(12, from: Array("abcdefghijklmnopqrstuvwxyz0123456789"))
        let workspace = BuildWorkspace(folder: URL(fileURLWithPath: parent).appending(path: name))
        let private700: [FileAttributeKey: Any] = [.posixPermissions: 0o700]
        do {
            try FileManager.default.createDirectory(
                at: workspace.folder, withIntermediateDirectories: false, attributes: private700)
            try FileManager.default.createDirectory(
                at: workspace.files.folder, withIntermediateDirectories: false, attributes: private700)
        } catch {
            throw BuildFailure(.internalError, "The builder can't make a folder below \(parent).")
        }
        return workspace
    }

    func remove() throws { try FileManager.default.removeItem(at: folder) }
}
