import Domain
import Foundation

/// Where in an unpacked source the build happens: the context folder and the Dockerfile in it.
///
/// Shape: both as the build pack gives them; leading slashes mean the source's root. Source: guide 7.3.3, Quay 13.3.
struct ContextPath: Sendable, Hashable {
    struct Refused: Error, Sendable, Hashable, CustomStringConvertible {
        let description: String
    }

    /// Path components below the source's root; empty for the root itself.
    let context: [String]
    /// Path components below the context; never empty.
    let dockerfile: [String]

    /// Throws ``Refused`` for a path with `..` or a zero byte.
    init(context: String, dockerfile: String) throws(Refused) {
        self.context = try Self.components(context, "context")
        let file = try Self.components(dockerfile, "Dockerfile path")
        self.dockerfile = file.isEmpty ? ["Dockerfile"] : file
    }

    /// The two places on disk below `root`, with every symbolic link followed.
    ///
    /// Throws ``Refused`` when something is missing, is no folder or no file, or leads out of the source.
    func resolve(in root: URL) throws(Refused) -> (context: URL, dockerfile: URL) {
        let top = root.resolvingSymlinksInPath()
        let folder = context.reduce(top) { $0.appending(path: $1) }.resolvingSymlinksInPath()
        guard folder.isInside(top) else {
            throw Refused(description: "The context /\(context.joined(separator: "/")) leads out of the source.")
        }
        guard folder.isFolder else {
            throw Refused(description: "There is no folder /\(context.joined(separator: "/")) for the build context.")
        }
        let name = dockerfile.joined(separator: "/")
        let file = dockerfile.reduce(folder) { $0.appending(path: $1) }.resolvingSymlinksInPath()
        guard file.isInside(folder) else { throw Refused(description: "\(name) leads out of the build context.") }
        guard FileManager.default.fileExists(atPath: file.path), !file.isFolder else {
            throw Refused(description: "Missing Dockerfile: there is no \(name) in the build context.")
        }
        return (folder, file)
    }

    private static func components(_ path: String, _ what: String) throws(Refused) -> [String] {
        guard !path.contains("\0") else { throw Refused(description: "The \(what) contains a zero byte.") }
        let parts = path.split(separator: "/").map(String.init).filter { $0 != "." }
        guard !parts.contains("..") else {
            throw Refused(description: "The \(what) \(path) contains '..', which could leave the source.")
        }
        return parts
    }
}

extension URL {
    /// By components; both must be free of symbolic links.
    fileprivate func isInside(_ folder: URL) -> Bool {
        standardizedFileURL.pathComponents.starts(with: folder.standardizedFileURL.pathComponents)
    }

    fileprivate var isFolder: Bool {
        var isFolder: ObjCBool = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && isFolder.boolValue
    }
}
