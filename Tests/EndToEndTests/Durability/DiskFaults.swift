import Foundation
import TestSupport

/// Makes the writes and syncs of one program fail, for the files that a test names: a shim between it and the C library.
///
/// The disk itself can't be broken in a test. What a program sees of a broken one is an error of a system call.
struct DiskFaults: Sendable {
    private let folder: TemporaryFolder
    /// What the program is started with.
    var environment: [String: String] {
        ["LD_PRELOAD": folder.path("faults.so"), "DISK_FAULTS": folder.path("faults")]
    }

    /// Whether a C compiler is here; said aloud where none is.
    static let mayCompile: Bool = {
        let found = ["/usr/bin/cc", "/usr/bin/clang", "/opt/swift/usr/bin/clang"].contains {
            FileManager.default.isExecutableFile(atPath: $0)
        }
        if !found { print("SKIPPED: broken disks, because there is no C compiler.") }
        return found
    }()

    init() async throws {
        folder = try TemporaryFolder()
        let source = try folder.write(Self.shim, to: "faults.c")
        let compiler = FileManager.default.isExecutableFile(atPath: "/usr/bin/cc") ? "cc" : "clang"
        let child = try ChildProcess(compiler, ["-shared", "-fPIC", "-O1", "-o", folder.path("faults.so"), source])
        guard try await child.exit(within: .seconds(60)) == 0 else {
            throw ChildProcess.Failed(description: child.printed)
        }
    }

    /// From now on `call` fails with EIO on files whose path contains `part`.
    func fail(_ call: String, on part: String) throws { try folder.write("\(call) 5 \(part)\n", to: "faults") }

    func heal() throws { try FileManager.default.removeItem(atPath: folder.path("faults")) }

    private static let shim = #"""
        #define _GNU_SOURCE
        #include <errno.h>
        #include <fcntl.h>
        #include <stdio.h>
        #include <stdlib.h>
        #include <string.h>
        #include <sys/syscall.h>
        #include <sys/types.h>
        #include <sys/uio.h>
        #include <unistd.h>

        static int fails(const char *call, int file) {
            const char *control = getenv("DISK_FAULTS");
            int list = control ? (int)syscall(SYS_openat, AT_FDCWD, control, O_RDONLY | O_CLOEXEC) : -1;
            if (list < 0) return 0;
            char text[1024], name[32], part[512], link[64], path[4096];
            long size = syscall(SYS_read, list, text, sizeof text - 1);
            syscall(SYS_close, list);
            if (size <= 0) return 0;
            text[size] = 0;
            int code;
            if (sscanf(text, "%31s %d %511s", name, &code, part) != 3 || strcmp(name, call)) return 0;
            snprintf(link, sizeof link, "/proc/self/fd/%d", file);
            ssize_t length = readlink(link, path, sizeof path - 1);
            if (length < 0) return 0;
            path[length] = 0;
            if (!strstr(path, part)) return 0;
            errno = code;
            return 1;
        }

        ssize_t write(int file, const void *bytes, size_t count) {
            return fails("write", file) ? -1 : syscall(SYS_write, file, bytes, count);
        }
        ssize_t pwrite64(int file, const void *bytes, size_t count, off_t at) {
            return fails("pwrite", file) ? -1 : syscall(SYS_pwrite64, file, bytes, count, at);
        }
        ssize_t writev(int file, const struct iovec *parts, int count) {
            return fails("writev", file) ? -1 : syscall(SYS_writev, file, parts, count);
        }
        ssize_t pwrite(int file, const void *bytes, size_t count, off_t at) {
            return fails("pwrite", file) ? -1 : syscall(SYS_pwrite64, file, bytes, count, at);
        }
        int fsync(int file) { return fails("fsync", file) ? -1 : (int)syscall(SYS_fsync, file); }
        int fdatasync(int file) { return fails("fsync", file) ? -1 : (int)syscall(SYS_fdatasync, file); }
        """#
}
