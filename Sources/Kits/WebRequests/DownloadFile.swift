import Glibc
import Runtime

/// A file that a download fills. Its blocking calls run on a queue of their own, not on the threads of async code.
actor DownloadFile {
    private let executor = QueueExecutor(label: "download-file")
    private let path: String
    private var descriptor: Int32

    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    init(path: String) throws(WebError) {
        self.path = path
        descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Self.failure(path) }
    }

    isolated deinit { if descriptor >= 0 { close(descriptor) } }

    func write(_ bytes: [UInt8]) throws(WebError) {
        var start = 0
        while start < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.write(descriptor, $0.baseAddress?.advanced(by: start), $0.count - start)
            }
            if count < 0 {
                if errno == EINTR { continue }
                throw Self.failure(path)
            }
            start += count
        }
    }

    /// Must be called before the file is used: a full disk may only show here.
    func finish() throws(WebError) {
        let result = close(descriptor)
        descriptor = -1
        if result != 0 { throw Self.failure(path) }
    }

    func discard() {
        if descriptor >= 0 { close(descriptor) }
        descriptor = -1
        unlink(path)
    }

    private static func failure(_ path: String) -> WebError {
        .invalidRequest("The file \(path) can't be written: \(String(cString: strerror(errno))).")
    }
}
