import BuildProtocol
import Domain
import GRPCCore
import Logging
import Runtime

/// Brings the lines of a build to the manager: in order, none lost, none twice, whatever happens to the connection.
///
/// Any number of lines may be under way on the stream; a line is done when its reply came. A writer waits while the
/// buffer is full.
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
    private var lastProgress = ContinuousClock.now

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
        while !Task.isCancelled {
            if buffer.isClosed, buffer.isDrained { return .drained }
            do { try await stream() } catch let error as RPCError where error.endsAttempt {
                return .refused(error.sentence)
            } catch {
                if Task.isCancelled { break }
                let reason = (error as? RPCError)?.sentence ?? "\(error)"
                logger.warning("log stream interrupted", metadata: ["reason": "\(reason)"])
            }
            if buffer.isClosed, buffer.isDrained { return .drained }
            if ContinuousClock.now - lastProgress > manager.patience.absence, !buffer.isDrained { break }
            do { try await manager.clock.sleep(for: manager.patience.pause) } catch { break }
        }
        return .stopped
    }

    private func append(_ message: BuildLogMessage) async {
        while buffer.isFull, !hasEnded { await withCheckedContinuation { writers.append($0) } }
        guard !hasEnded else { return }
        if buffer.isDrained { lastProgress = .now }
        buffer.append(message.json)
        wakeSender()
    }

    /// One stream, from its first line to its end.
    private func stream() async throws {
        generation += 1
        let mine = generation
        buffer.restart()
        try await manager.stub.logMessage(
            requestProducer: { writer in
                while let line = await self.nextLine(for: mine) { try await writer.write(self.request(line)) }
            },
            onResponse: { response in
                for try await reply in response.messages { await self.acknowledge(reply) }
            })
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
        return nil
    }

    private func acknowledge(_ reply: BuildmanPb_LogMessageResponse) {
        if !reply.success {
            logger.warning("a log line was refused", metadata: ["line": "\(reply.sequenceNumber)"])
        }
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
