/// Why an archive was not unpacked. Every case prints as a sentence for the person who made the archive.
package enum ArchiveError: Error, Hashable, CustomStringConvertible {
    /// Neither tar (plain, gzip, bzip2, xz, zstd) nor zip.
    case notAnArchive
    /// Cut off, damaged, or in a form that can't be read.
    case unreadable(reason: String)
    /// An entry is protected by a password.
    case encrypted(path: String)
    /// A path that is absolute, contains `..`, or is empty.
    case unsafePath(String)
    /// A path or a name that is too long.
    case pathTooLong(String)
    /// A device, a pipe, a socket, or something unknown.
    case forbiddenType(path: String, type: String)
    /// A link whose target lies outside.
    case linkLeadsOutside(path: String, target: String)
    /// A hard link to something that is not a file of the archive.
    case badHardLink(path: String, target: String)
    /// An entry that would have to be written through a link or a file.
    case parentIsNoFolder(path: String)
    /// A file where a folder is, or the reverse.
    case typeConflict(path: String)
    case tooManyEntries(limit: Int)
    case tooLarge(limitBytes: Int64)
    case ratioTooHigh(limit: Int64)
    /// The folder to unpack into has content already.
    case folderNotEmpty
    /// The disk or the system refused.
    case system(operation: String, reason: String)

    package var description: String {
        switch self {
        case .notAnArchive: "The file is not an archive: neither tar (plain, gzip, bzip2, xz, zstd) nor zip."
        case .unreadable(let reason): "The archive can't be read: \(reason)."
        case .encrypted(let path): "\"\(path)\" is protected by a password."
        case .unsafePath(let path): "The archive contains the path \"\(path)\", which does not stay inside."
        case .pathTooLong(let path): "The archive contains a path that is too long: \"\(path)…\"."
        case .forbiddenType(let path, let type): "\"\(path)\" is \(type): only files, folders and links are unpacked."
        case .linkLeadsOutside(let path, let target): "The link \"\(path)\" leads outside, to \"\(target)\"."
        case .badHardLink(let path, let target):
            "The hard link \"\(path)\" refers to \"\(target)\", which is no file before it."
        case .parentIsNoFolder(let path): "\"\(path)\" lies behind a link or a file, not in a folder."
        case .typeConflict(let path): "\"\(path)\" is both a folder and something else."
        case .tooManyEntries(let limit): "The archive contains more than \(limit) entries."
        case .tooLarge(let limit): "The archive unpacks to more than \(limit) bytes."
        case .ratioTooHigh(let limit): "The archive unpacks to more than \(limit) times its size."
        case .folderNotEmpty: "The folder to unpack into is not empty."
        case .system(let operation, let reason): "\(operation) failed: \(reason)."
        }
    }
}
