import Glibc

/// TCP ports of the loopback that nobody listened on a moment ago.
package enum FreePort {
    /// The kernel's choice. Somebody else may take it before the caller binds it: then the caller starts again.
    package static func find() throws -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw SystemCallFailed("socket") }
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                bind(descriptor, generic, length) == 0 ? getsockname(descriptor, generic, &length) : -1
            }
        }
        guard result == 0 else { throw SystemCallFailed("bind") }
        return Int(UInt16(bigEndian: address.sin_port))
    }
}

/// A call to the operating system that failed, with its reason.
package struct SystemCallFailed: Error, CustomStringConvertible {
    package let description: String

    package init(_ call: String, code: Int32 = errno) {
        description = "\(call): \(String(cString: strerror(code)))"
    }
}
