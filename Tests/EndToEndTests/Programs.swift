import Foundation

/// Where the real programs and the repository's files stand.
enum Programs {
    static let root: URL = {
        var folder = URL(fileURLWithPath: #filePath)
        while folder.path != "/", !FileManager.default.fileExists(atPath: folder.appending(path: "Package.swift").path)
        {
            folder.deleteLastPathComponent()
        }
        return folder
    }()

    /// The folder with the three binaries: BUILDMAN_BINARIES, or this package's debug build.
    static let folder =
        ProcessInfo.processInfo.environment["BUILDMAN_BINARIES"] ?? root.appending(path: ".build/debug").path

    static let registryLite = "\(folder)/RegistryLite"
    static let buildman = "\(folder)/Buildman"
}
