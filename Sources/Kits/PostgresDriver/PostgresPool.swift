/// A bounded number of connections, opened when they are needed; whoever comes first is served first.
actor PostgresPool {
    private let url: String
    private let size: Int
    private var idle: [PostgresConnection] = []
    private var openCount = 0
    // Each gets a connection, or nil: the right to open one.
    private var waiting: [CheckedContinuation<PostgresConnection?, Never>] = []

    init(url: String, size: Int) {
        self.url = url
        self.size = size
    }

    /// Each connection that is taken needs one ``give(back:isUsable:)``.
    func take() async throws -> PostgresConnection {
        if let connection = idle.popLast() { return connection }
        if openCount < size {
            openCount += 1
        } else if let connection = await withCheckedContinuation({ waiting.append($0) }) {
            return connection
        }
        do {
            return try await PostgresConnection.open(url: url)
        } catch {
            passOn(nil)
            throw error
        }
    }

    /// - Parameter isUsable: false lets the connection go. Those that lie idle go as well: they were most likely cut by
    ///   the same cause, such as a restart of the server.
    func give(back connection: PostgresConnection, isUsable: Bool) {
        guard isUsable else {
            openCount -= idle.count
            idle = []
            passOn(nil)
            return
        }
        passOn(connection)
    }

    /// Lets the idle connections go; call when none is taken.
    func close() {
        openCount -= idle.count
        idle = []
    }

    private func passOn(_ connection: PostgresConnection?) {
        if !waiting.isEmpty {
            waiting.removeFirst().resume(returning: connection)
        } else if let connection {
            idle.append(connection)
        } else {
            openCount -= 1
        }
    }
}
