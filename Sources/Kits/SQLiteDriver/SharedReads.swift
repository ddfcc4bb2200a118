import Dispatch
import Foundation
import GRDB
import Synchronization

import struct Logging.Logger

/// A `read` whose body waits for a reader.
struct WaitingRead: Sendable {
    /// Runs the body and answers the caller.
    let run: @Sendable (SQLiteTransaction) -> Void
    /// Answers the caller with an error.
    let fail: @Sendable (any Error) -> Void
}

/// Lets the bodies that wait share one snapshot: waking a thread and opening a snapshot cost several times what a short
/// body does.
///
/// A snapshot is opened after the bodies that share it have come, so each of them sees whatever was committed before it
/// was asked for. One reader serves them as long as they are short; another one helps when many wait, and when the first
/// of them has waited for ``patience``: then whoever runs is slow.
final class SharedReads: Sendable {
    /// How long a body waits behind others before it gets a reader of its own.
    static let patience = DispatchTimeInterval.milliseconds(1)
    /// How many waiting bodies are worth a second thread.
    static let crowd = 8

    private struct State {
        /// What waits, first come first; `nil` where it was taken already.
        var waiting: [WaitingRead?] = []
        /// Of the first in `waiting`; numbers count the bodies of this database.
        var firstNumber = 0
        var head = 0
        var idle: [Reader]
        var busyCount = 0
        var isWatched = false

        var waitingCount: Int { waiting.count - head }
        var headNumber: Int { firstNumber + head }
        var nextNumber: Int { firstNumber + waiting.count }

        mutating func take(before number: Int) -> WaitingRead? {
            guard head < waiting.count, headNumber < number else { return nil }
            let read = waiting[head]
            waiting[head] = nil
            head += 1
            if head == waiting.count {
                firstNumber += head
                head = 0
                waiting.removeAll(keepingCapacity: true)
            }
            return read
        }

        mutating func wakeOne() -> Reader? {
            guard let reader = idle.popLast() else { return nil }
            busyCount += 1
            return reader
        }

        mutating func rest(_ reader: Reader) {
            busyCount -= 1
            idle.append(reader)
        }
    }

    private let state: Mutex<State>
    private let processors = ProcessInfo.processInfo.activeProcessorCount
    private let watch = DispatchQueue(label: "sqlite-reads")
    private let logger: Logger
    private let readers: [Reader]

    /// Opens the first of `count` connections to the file at `path`, the others when they are needed.
    init(path: String, configuration: Configuration, count: Int, logger: Logger) throws {
        readers = (0..<count).map { _ in Reader(path: path, configuration: configuration) }
        // The last is the first to be woken.
        _ = try readers.last?.connection()
        state = Mutex(State(idle: readers))
        self.logger = logger
    }

    func add(_ read: WaitingRead) {
        let (reader, mustWatch) = state.withLock { state -> (Reader?, Bool) in
            state.waiting.append(read)
            let isCrowded = state.waitingCount >= Self.crowd && state.busyCount < processors
            if state.busyCount == 0 || isCrowded, let reader = state.wakeOne() { return (reader, false) }
            defer { state.isWatched = true }
            return (nil, !state.isWatched)
        }
        if let reader { start(reader) }
        if mustWatch { look(again: state.withLock { $0.headNumber }) }
    }

    /// Call when nobody is inside a `read` any more.
    func close() throws {
        for reader in readers { try reader.close() }
    }

    private func look(again head: Int) {
        watch.asyncAfter(deadline: .now() + Self.patience) {
            let (reader, next) = self.state.withLock { state -> (Reader?, Int?) in
                guard state.waitingCount > 0 else {
                    state.isWatched = false
                    return (nil, nil)
                }
                return (state.headNumber == head ? state.wakeOne() : nil, state.headNumber)
            }
            if let reader { self.start(reader) }
            if let next { self.look(again: next) }
        }
    }

    private func start(_ reader: Reader) {
        reader.queue.async {
            do {
                try reader.connection().unsafeRead { connection in
                    while let limit = self.limit(for: reader) { self.serve(before: limit, on: connection) }
                }
            } catch {
                // Those who wait are somebody else's, or nobody can serve them.
                for read in self.giveUp(reader) {
                    read.fail(SQLiteFailure.translate(error, sql: nil, mode: .reading))
                }
            }
        }
    }

    /// The number before which bodies may share a snapshot that is opened now; nil sends the reader to rest.
    private func limit(for reader: Reader) -> Int? {
        state.withLock { state in
            if state.waitingCount > 0 { return state.nextNumber }
            state.rest(reader)
            return nil
        }
    }

    private func giveUp(_ reader: Reader) -> [WaitingRead] {
        state.withLock { state in
            state.rest(reader)
            guard state.busyCount == 0 else { return [] }
            var abandoned: [WaitingRead] = []
            while let read = state.take(before: .max) { abandoned.append(read) }
            return abandoned
        }
    }

    private func take(before limit: Int) -> WaitingRead? { state.withLock { $0.take(before: limit) } }

    private func serve(before limit: Int, on connection: GRDB.Database) {
        do { try connection.cachedStatement(sql: "BEGIN DEFERRED TRANSACTION").execute() } catch {
            let failure = SQLiteFailure.translate(error, sql: nil, mode: .reading)
            while let read = take(before: limit) { read.fail(failure) }
            return
        }
        // Some errors make SQLite end the snapshot by itself: then the others get a new one.
        while connection.isInsideTransaction, let read = take(before: limit) {
            read.run(SQLiteTransaction(connection, mode: .reading))
        }
        guard connection.isInsideTransaction else { return }
        do { try connection.cachedStatement(sql: "COMMIT TRANSACTION").execute() } catch {
            logger.error("A snapshot could not be closed: \(error)")
        }
    }

    /// One connection that only reads, on a thread of its own; opened when it is needed.
    private final class Reader: Sendable {
        let queue = DispatchQueue(label: "sqlite-reader")
        private let path: String
        private let configuration: Configuration
        private let opened = Mutex<DatabaseQueue?>(nil)

        init(path: String, configuration: Configuration) {
            self.path = path
            self.configuration = configuration
        }

        /// Blocks for as long as opening a file takes.
        func connection() throws -> DatabaseQueue {
            try opened.withLock { opened in
                if let opened { return opened }
                let connection = try DatabaseQueue(path: path, configuration: configuration)
                opened = connection
                return connection
            }
        }

        func close() throws { try opened.withLock { try $0?.close() } }
    }
}
