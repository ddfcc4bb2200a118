import Foundation
import Glibc
import TestSupport

/// A file system of a few megabytes that only one server process sees, and that a test can fill from outside.
struct SmallDisk: Sendable {
    /// The folder that the file system is mounted on.
    let path: String
    let megabytes: Int

    /// Whether this process may mount one; said aloud where it may not.
    static let mayMount: Bool = {
        let probe = Process()
        probe.executableURL = URL(fileURLWithPath: "/usr/bin/unshare")
        probe.arguments = ["--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
        probe.standardError = FileHandle.nullDevice
        do { try probe.run() } catch { return false }
        probe.waitUntilExit()
        if probe.terminationStatus != 0 { print("SKIPPED: full disks, because this user may not mount a tmpfs.") }
        return probe.terminationStatus == 0
    }()

    /// The words that start a program in a mount namespace of its own with this disk.
    var launcher: [String] {
        [
            "unshare", "--mount", "sh", "-c",
            "mount -t tmpfs -o size=\(megabytes)m,mode=700 tmpfs \"$0\" && exec \"$@\"", path,
        ]
    }

    /// The same file as `name` on the disk, as this process reaches it.
    func outside(_ name: String = "", of server: Server) -> String {
        "/proc/\(server.identifier ?? 0)/root\(path)/\(name)"
    }

    /// Fills the disk to the last byte, but for `left` bytes.
    func fill(of server: Server, leaving left: Int = 0) throws {
        try Self.fill(outside("filler", of: server), leaving: left)
    }

    /// Lets a file grow until its disk is full, but for `left` bytes.
    static func fill(_ path: String, leaving left: Int = 0) throws {
        let file = open(path, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        guard file >= 0 else { throw SystemCallFailed("open") }
        defer { close(file) }
        for size in [1 << 20, 4096] {
            let block = [UInt8](repeating: 1, count: size)
            while write(file, block, size) > 0 {}
        }
        guard errno == ENOSPC else { throw SystemCallFailed("write") }
        guard left > 0 else { return }
        let size = lseek(file, 0, SEEK_END)
        guard ftruncate(file, size - left) == 0 else { throw SystemCallFailed("ftruncate") }
    }

    func free(of server: Server) throws {
        guard unlink(outside("filler", of: server)) == 0 else { throw SystemCallFailed("unlink") }
    }
}
