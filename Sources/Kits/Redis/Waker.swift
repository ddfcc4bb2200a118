import Glibc

/// Wakes a thread that waits for a socket. May be used from any thread.
final class Waker: Sendable {
    /// Becomes readable after ``wake()``.
    let descriptor: Int32
    private let otherEnd: Int32

    init() throws(RedisError) {
        var ends: [Int32] = [-1, -1]
        let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        guard socketpair(AF_UNIX, type, 0, &ends) == 0 else { throw .unreachable(String(cString: strerror(errno))) }
        descriptor = ends[0]
        otherEnd = ends[1]
    }

    deinit {
        close(descriptor)
        close(otherEnd)
    }

    /// Once or many times is the same. A full buffer means that the thread has been woken already.
    func wake() {
        var byte: UInt8 = 0
        send(otherEnd, &byte, 1, Int32(MSG_NOSIGNAL))
    }

    /// Forgets earlier wake-ups.
    func clear() {
        var bytes = [UInt8](repeating: 0, count: 256)
        while recv(descriptor, &bytes, bytes.count, 0) > 0 {}
    }

    /// Waits for a wake-up, at most until `deadline`.
    func wait(until deadline: ContinuousClock.Instant?) {
        var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        poll(&entry, 1, Self.milliseconds(until: deadline))
        clear()
    }

    /// For `poll`: rounded up, so that the deadline has passed when the wait is over; -1 means for ever.
    static func milliseconds(until deadline: ContinuousClock.Instant?) -> Int32 {
        guard let deadline else { return -1 }
        let left = deadline - ContinuousClock.now
        return left <= .zero ? 0 : Int32(min(left / .milliseconds(1), 86_400_000).rounded(.up))
    }
}
