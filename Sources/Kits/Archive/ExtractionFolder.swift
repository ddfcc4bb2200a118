import CArchive
import Foundation

/// A file descriptor that closes itself.
struct Descriptor: ~Copyable {
    let number: CInt

    init(_ number: CInt) { self.number = number }

    deinit { close(number) }
}

/// The folder that an archive is unpacked into: every change is made relative to an open folder, and no step on the way
/// follows a symbolic link, so a link planted by an earlier entry can't redirect a later one.
struct ExtractionFolder: ~Copyable {
    private let root: Descriptor

    private init(root: consuming Descriptor) { self.root = root }

    /// Opens `path`, which must be an empty folder.
    static func open(_ path: String) throws(ArchiveError) -> ExtractionFolder {
        let number = openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard number >= 0 else { throw failure("Opening the folder to unpack into") }
        let root = Descriptor(number)
        let names: [String]
        do { names = try FileManager.default.contentsOfDirectory(atPath: path) } catch {
            throw .system(operation: "Listing the folder to unpack into", reason: error.localizedDescription)
        }
        guard names.isEmpty else { throw .folderNotEmpty }
        return ExtractionFolder(root: root)
    }

    /// Makes the folder `path` with those above it; one that is there already gets the mode.
    func makeFolder(_ path: ArchivePath, mode: mode_t) throws(ArchiveError) {
        guard !path.names.isEmpty else { return }
        let folder = try openFolder(path)
        // Whoever unpacked it must be able to add to it and to remove it.
        guard fchmod(folder.number, mode & 0o777 | 0o700) == 0 else { throw Self.failure("Setting a mode") }
    }

    /// Makes an empty file at `path`, replacing a file or link that is there, and gives it to write to.
    func makeFile(_ path: ArchivePath) throws(ArchiveError) -> Descriptor {
        let parent = try openFolder(path.parent)
        let name = try Self.lastName(path)
        try Self.remove(name, in: parent, path)
        let number = openat(parent.number, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard number >= 0 else { throw Self.failure("Creating \"\(path.text)\"") }
        return Descriptor(number)
    }

    func makeSymbolicLink(_ path: ArchivePath, target: [UInt8]) throws(ArchiveError) {
        let parent = try openFolder(path.parent)
        let name = try Self.lastName(path)
        try Self.remove(name, in: parent, path)
        guard symlinkat(Self.cString(target), parent.number, name) == 0 else {
            throw Self.failure("Creating the link \"\(path.text)\"")
        }
    }

    /// Makes `path` another name of the file `target`, which must be there.
    func makeHardLink(_ path: ArchivePath, target: ArchivePath) throws(ArchiveError) {
        guard path != target else { return }
        let targetParent = try openFolder(target.parent, create: false)
        let targetName = try Self.lastName(target)
        var status = stat()
        guard fstatat(targetParent.number, targetName, &status, AT_SYMLINK_NOFOLLOW) == 0,
            status.st_mode & S_IFMT == S_IFREG
        else { throw .badHardLink(path: path.text, target: target.text) }
        let parent = try openFolder(path.parent)
        let name = try Self.lastName(path)
        try Self.remove(name, in: parent, path)
        guard linkat(targetParent.number, targetName, parent.number, name, 0) == 0 else {
            throw Self.failure("Creating the link \"\(path.text)\"")
        }
    }

    /// Opens the folder `path` name by name without following links; makes what is missing if asked to.
    private func openFolder(_ path: ArchivePath, create: Bool = true) throws(ArchiveError) -> Descriptor {
        var number = fcntl(root.number, F_DUPFD_CLOEXEC, 0)
        guard number >= 0 else { throw Self.failure("Opening a folder") }
        for name in path.names {
            let here = Descriptor(number)
            let name = Self.cString(name)
            if create, mkdirat(here.number, name, 0o755) != 0, errno != EEXIST {
                throw Self.failure("Creating the folder \"\(path.text)\"")
            }
            number = openat(here.number, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
            guard number >= 0 else {
                if [ELOOP, ENOTDIR, ENOENT].contains(errno) { throw .parentIsNoFolder(path: path.text) }
                throw Self.failure("Opening the folder \"\(path.text)\"")
            }
        }
        return Descriptor(number)
    }

    private static func remove(_ name: [CChar], in parent: borrowing Descriptor, _ path: ArchivePath)
        throws(ArchiveError)
    {
        guard unlinkat(parent.number, name, 0) != 0, errno != ENOENT else { return }
        if errno == EISDIR || errno == EPERM { throw .typeConflict(path: path.text) }
        throw failure("Replacing \"\(path.text)\"")
    }

    private static func lastName(_ path: ArchivePath) throws(ArchiveError) -> [CChar] {
        guard let name = path.names.last else { throw .unsafePath(".") }
        return cString(name)
    }

    private static func cString(_ bytes: [UInt8]) -> [CChar] { bytes.map { CChar(bitPattern: $0) } + [0] }

    static func failure(_ operation: String) -> ArchiveError {
        .system(operation: operation, reason: String(cString: strerror(errno)))
    }
}
