import Glibc

/// One authenticated connection: bytes out, replies in. Belongs to the thread that made it.
final class RedisConnection {
    private let socket: RedisSocket
    private let replies: ReplyReader
    private let waker: Waker
    private var outgoing: [UInt8] = []
    private var sent = 0
    private var space = [UInt8](repeating: 0, count: 65_536)

    /// Connects, authenticates and chooses the database, all within the settings' time to connect.
    init(_ settings: RedisSettings, waker: Waker) throws(RedisError) {
        let deadline = ContinuousClock.now + settings.connectTimeout
        self.waker = waker
        replies = try ReplyReader()
        socket = try RedisSocket(settings, deadline: deadline)
        if let password = settings.password {
            let credentials = settings.user.map { [$0, password] } ?? [password]
            do throws(RedisError) { try introduce(["AUTH"] + credentials, deadline) } catch {
                if case .refused(let reply) = error { throw .notAuthenticated(reply) }
                throw error
            }
        }
        if settings.database != 0 { try introduce(["SELECT", settings.database], deadline) }
    }

    /// Sends `bytes` at the next ``exchange(until:)``.
    func enqueue(_ bytes: [UInt8]) { outgoing += bytes }

    /// Writes and reads until something has come, somebody woke the thread, or `deadline` has passed.
    func exchange(until deadline: ContinuousClock.Instant?) throws(RedisError) {
        try flush()
        if try receive() { return }
        var entries = [
            pollfd(fd: socket.descriptor, events: Int16(POLLIN), revents: 0),
            pollfd(fd: waker.descriptor, events: Int16(POLLIN), revents: 0),
        ]
        if sent < outgoing.count { entries[0].events |= Int16(POLLOUT) }
        poll(&entries, 2, Waker.milliseconds(until: deadline))
        if entries[1].revents != 0 { waker.clear() }
        if entries[0].revents != 0 {
            try flush()
            _ = try receive()
        }
    }

    func nextReply() throws(RedisError) -> RedisReply? { try replies.next() }

    private func introduce(_ words: [any RedisArgument], _ deadline: ContinuousClock.Instant) throws(RedisError) {
        enqueue(try EncodedCommand(words).bytes)
        while true {
            if let reply = try nextReply() {
                if case .error(let words) = reply { throw .refused(words) }
                return
            }
            guard ContinuousClock.now < deadline else { throw .unreachable("it did not answer in time") }
            do throws(RedisError) { try exchange(until: deadline) } catch {
                // No caller's command has been sent yet.
                if case .disconnected(let reason) = error { throw .unreachable(reason) }
                throw error
            }
        }
    }

    /// Writes what the network takes.
    private func flush() throws(RedisError) {
        while sent < outgoing.count {
            let outcome = outgoing.withUnsafeBytes { socket.write(.init(rebasing: $0[sent...])) }
            switch outcome {
            case .bytes(let count): sent += count
            case .wantsRead, .wantsWrite: return
            case .closed(let reason): throw .disconnected(reason)
            }
        }
        outgoing.removeAll(keepingCapacity: outgoing.count < 1_048_576)
        sent = 0
    }

    /// Reads what has come; answers whether that was anything.
    private func receive() throws(RedisError) -> Bool {
        var isAnything = false
        while true {
            let outcome = space.withUnsafeMutableBytes { socket.read(into: $0) }
            switch outcome {
            case .bytes(let count):
                isAnything = true
                try replies.feed(space[..<count])
            case .wantsRead, .wantsWrite: return isAnything
            case .closed(let reason):
                // What came before the end is still worth reading.
                if isAnything { return true }
                throw .disconnected(reason)
            }
        }
    }
}
