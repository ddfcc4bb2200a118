import BuildProtocol
import Domain
import GRPCCore
import Logging
import Runtime

/// Brings the lines of a build to the manager: in order, none lost, none twice, whatever happens to the connection.
///
/// Any number of lines may be under way on the stream; a line is done when its reply came. A writer waits while the
/// buffer is full, and so does the program that it reads from: a manager that is away costs time, never memory. While
/// nothing is to be said there is no stream, which a proxy on the way would cut.
actor LogUploader {
    /// Why an uploader stopped.
    enum End: Sendable, Hashable {
        /// Closed, and every line was acknowledged.
        case drained
        /// The attempt is over for the manager.
        case refused(String)
        /// The task was cancelled, or the manager stayed away.
        case stopped
    }

    private let manager: ManagerConnection
    private let jobToken: BuildSecret
    private let logger: Logger
    private var buffer: LogBuffer
    /// Writers that wait for room, and the sender that waits for a line.
    private var writers: [CheckedContinuation<Void, Never>] = []
    private var sender: CheckedContinuation<Void, Never>?
    /// Counts streams, so that the sender of a broken one notices.
    private var generation = 0
    private var hasEnded = false
    /// When a line was last acknowledged, or the first one came that waits for it.
    private var lastProgress = ContinuousClock.now
    /// How often the oldest line was refused.
    private var refusals = 0
    /// A line that is refused so often is given up.
    private static let refusalLimit = 5
    /// Counts lines that came and replies.
    private var activity = 0

    init(manager: ManagerConnection, jobToken: BuildSecret, logger: Logger, buffer: LogBuffer = LogBuffer()) {
        self.manager = manager
        self.jobToken = jobToken
        self.logger = logger
        self.buffer = buffer
    }

    /// Adds one line of output. Waits while the buffer is full; after the end it does nothing.
    func write(_ line: String) async { await append(.output(line + "\n")) }

    /// Adds the reason why the build failed.
    func write(_ failure: BuildFailure) async { await append(.failure(failure)) }

    /// No line follows: ``run()`` ends once all are acknowledged.
    func close() {
        buffer.close()
        wakeSender()
    }

    /// Uploads until one of the three ends.
    func run() async -> End {
        defer { end() }
        lastProgress = .now
        var backoff = manager.patience.backoff
        while !Task.isCancelled {
            await untilSomethingIsToBeSaid()
            if buffer.isDrained { return buffer.isClosed ? .drained : .stopped }
            let before = lastProgress
            do { try await watchedStream() } catch let error as RPCError where error.endsAttempt {
                return .refused(error.sentence)
            } catch {
                if Task.isCancelled { break }
                let reason = (error as? RPCError)?.sentence ?? "\(error)"
                // Nothing was under way: whoever cut the stream did no harm.
                let level: Logger.Level = buffer.isDrained ? .debug : .warning
                logger.log(level: level, "log stream interrupted", metadata: ["reason": "\(reason)"])
            }
            if buffer.isDrained { continue }
            if lastProgress > before { backoff.reset() }
            if ContinuousClock.now - lastProgress > manager.patience.absence { break }
            do { try await manager.clock.sleep(for: backoff.next()) } catch { break }
        }
        return .stopped
    }

    /// Returns once a line waits, none will come, or the task is cancelled.
    private func untilSomethingIsToBeSaid() async {
        while buffer.isDrained, !buffer.isClosed, !Task.isCancelled { await untilWoken() }
    }

    private func append(_ message: BuildLogMessage) async {
        while buffer.isFull, !hasEnded { await withCheckedContinuation { writers.append($0) } }
        guard !hasEnded else { return }
        if buffer.isDrained { lastProgress = .now }
        activity += 1
        buffer.append(message.json)
        wakeSender()
    }

    /// One stream, from its first line to its end, unless it stalls.
    private func watchedStream() async throws {
        generation += 1
        let mine = generation
        buffer.restart()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.exchange(mine) }
            group.addTask { try await self.watch(mine) }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    private nonisolated func exchange(_ mine: Int) async throws {
        try await manager.stub.logMessage(
            requestProducer: { writer in
                while let line = await self.nextLine(for: mine) { try await writer.write(self.request(line)) }
            },
            onResponse: { response in
                for try await reply in response.messages { try await self.acknowledge(reply) }
            })
    }

    /// Closes a stream for which there are no lines, and gives up one that brings no answers.
    private func watch(_ mine: Int) async throws {
        let (quiet, stall) = (manager.patience.quietLog, manager.patience.call * 2)
        var (seen, since) = (activity, ContinuousClock.now)
        while true {
            try await manager.clock.sleep(for: min(quiet, stall) / 4)
            if activity != seen { (seen, since) = (activity, .now) }
            let silence = ContinuousClock.now - since
            if buffer.isDrained, mine == generation {
                guard silence > quiet else { continue }
                // The sender of this stream ends it, which the manager answers by ending it too.
                generation += 1
                wakeSender()
                (seen, since) = (activity, .now)
            } else if silence > stall {
                throw RPCError(code: .deadlineExceeded, message: "no reply to a log line")
            }
        }
    }

    private nonisolated func request(_ line: LogBuffer.Line) -> BuildmanPb_LogMessageRequest {
        BuildmanPb_LogMessageRequest(jobToken: jobToken, number: line.number, json: line.json)
    }

    /// Waits for the next line of this stream; nil when no more will come, or when another stream took over.
    private func nextLine(for mine: Int) async -> LogBuffer.Line? {
        while mine == generation, !hasEnded {
            if let line = buffer.next() { return line }
            // Unacknowledged lines need no more sending: their replies come after the half close.
            if buffer.isClosed || Task.isCancelled { return nil }
            await untilWoken()
        }
        return nil
    }

    /// Waits for a line, the end, or the task's cancellation.
    private func untilWoken() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { wait in
                sender?.resume()
                sender = wait
                if Task.isCancelled { wakeSender() }
            }
        } onCancel: {
            Task { await self.wakeSender() }
        }
    }

    /// A refused line goes again, on another stream: a manager that has just taken over may not know the attempt yet, and
    /// when the attempt is over, heartbeats say so. What is refused again and again is given up.
    private func acknowledge(_ reply: BuildmanPb_LogMessageResponse) throws {
        activity += 1
        if !reply.success {
            refusals += 1
            guard refusals >= Self.refusalLimit else {
                throw RPCError(code: .aborted, message: "the line \(reply.sequenceNumber) was refused")
            }
            logger.warning("a log line was given up", metadata: ["line": "\(reply.sequenceNumber)"])
        }
        refusals = 0
        lastProgress = .now
        buffer.acknowledge(reply.sequenceNumber)
        if !buffer.isFull { wakeWriters() }
    }

    private func end() {
        hasEnded = true
        generation += 1
        wakeSender()
        wakeWriters()
    }

    private func wakeSender() {
        sender?.resume()
        sender = nil
    }

    private func wakeWriters() {
        let waiting = writers
        writers = []
        for writer in waiting { writer.resume() }
    }
}
