import Glibc

/// A connected, non-blocking TCP socket, plain or under TLS. Belongs to the thread of its connection.
final class RedisSocket {
    enum Outcome {
        case bytes(Int)
        /// Nothing now: wait until the socket can be read or written.
        case wantsRead, wantsWrite
        case closed(String)
    }

    let descriptor: Int32
    private var session: TLSSession?

    /// Connects to the first address of the host that accepts, TLS included.
    init(_ settings: RedisSettings, deadline: ContinuousClock.Instant) throws(RedisError) {
        descriptor = try Self.connect(settings, deadline)
        guard let tls = settings.tls else { return }
        let session = try TLSSession(tls, host: settings.host, descriptor: descriptor)
        self.session = session
        while true {
            switch try session.shakeHands() {
            case .done: return
            case .wantsRead: try Self.wait(descriptor, Int16(POLLIN), deadline)
            case .wantsWrite: try Self.wait(descriptor, Int16(POLLOUT), deadline)
            }
        }
    }

    deinit {
        session = nil
        close(descriptor)
    }

    func read(into space: UnsafeMutableRawBufferPointer) -> Outcome {
        if let session { return session.read(into: space) }
        let count = recv(descriptor, space.baseAddress, space.count, 0)
        if count == 0 { return .closed("the server ended it") }
        return count > 0 ? .bytes(count) : Self.outcome(.wantsRead)
    }

    func write(_ bytes: UnsafeRawBufferPointer) -> Outcome {
        if let session { return session.write(bytes) }
        let count = send(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
        return count >= 0 ? .bytes(count) : Self.outcome(.wantsWrite)
    }

    private static func outcome(_ wait: Outcome) -> Outcome {
        errno == EAGAIN || errno == EINTR ? wait : .closed(String(cString: strerror(errno)))
    }

    private static func connect(
        _ settings: RedisSettings, _ deadline: ContinuousClock.Instant
    ) throws(RedisError) -> Int32 {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(settings.host, String(settings.port), &hints, &list)
        guard code == 0 else {
            throw .unreachable("the host name \(settings.host) has no address (\(String(cString: gai_strerror(code))))")
        }
        defer { freeaddrinfo(list) }
        var last = RedisError.unreachable("the host name \(settings.host) has no address")
        var next = list
        while let address = next {
            do throws(RedisError) { return try connect(address.pointee, deadline) } catch { last = error }
            next = address.pointee.ai_next
        }
        throw last
    }

    private static func connect(
        _ address: addrinfo, _ deadline: ContinuousClock.Instant
    ) throws(RedisError) -> Int32 {
        let type = address.ai_socktype | Int32(SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let descriptor = socket(address.ai_family, type, address.ai_protocol)
        guard descriptor >= 0 else { throw .unreachable(String(cString: strerror(errno))) }
        do throws(RedisError) {
            if Glibc.connect(descriptor, address.ai_addr, address.ai_addrlen) != 0 {
                guard errno == EINPROGRESS else { throw .unreachable(String(cString: strerror(errno))) }
                try wait(descriptor, Int16(POLLOUT), deadline)
                var code: Int32 = 0
                var length = socklen_t(MemoryLayout<Int32>.size)
                getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &length)
                guard code == 0 else { throw .unreachable(String(cString: strerror(code))) }
            }
        } catch {
            close(descriptor)
            throw error
        }
        var yes: Int32 = 1
        let size = socklen_t(MemoryLayout<Int32>.size)
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &yes, size)
        setsockopt(descriptor, SOL_SOCKET, SO_KEEPALIVE, &yes, size)
        return descriptor
    }

    private static func wait(
        _ descriptor: Int32, _ events: Int16, _ deadline: ContinuousClock.Instant
    ) throws(RedisError) {
        var entry = pollfd(fd: descriptor, events: events, revents: 0)
        guard poll(&entry, 1, Waker.milliseconds(until: deadline)) != 0 else {
            throw .unreachable("it did not accept a connection in time")
        }
    }
}
