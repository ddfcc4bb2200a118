import Glibc
import Synchronization

/// TCP ports of the loopback that nobody listens on.
package enum FreePort {
    /// Below those that the kernel hands to connections and to listeners that ask for any port: none of them takes one
    /// away between the answer and the caller's `bind`.
    private static let range = 10_000..<32_000
    /// Where the next search begins. Test processes begin at different places.
    private static let next = Mutex(range.lowerBound + Int(getpid()) * 37 % range.count)

    /// A port that no test of this process has been given before, as long as there are others.
    package static func find() throws -> Int {
        for _ in range {
            let port = next.withLock { next in
                defer { next = next + 1 == range.upperBound ? range.lowerBound : next + 1 }
                return next
            }
            if try isFree(port) { return port }
        }
        throw SystemCallFailed("bind", code: EADDRINUSE)
    }

    private static func isFree(_ port: Int) throws -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw SystemCallFailed("socket") }
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        address.sin_port = UInt16(port).bigEndian
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        if result == 0 { return true }
        guard errno == EADDRINUSE else { throw SystemCallFailed("bind") }
        return false
    }
}

/// A call to the operating system that failed, with its reason.
package struct SystemCallFailed: Error, CustomStringConvertible {
    package let description: String

    package init(_ call: String, code: Int32 = errno) {
        description = "\(call): \(String(cString: strerror(code)))"
    }
}
