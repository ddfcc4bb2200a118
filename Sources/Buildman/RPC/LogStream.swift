import BuildProtocol
import Domain
import GRPCCore
import RegistryCore
import Runtime
import ServiceLifecycle

/// One LogMessage stream: each line is answered once it is stored. What comes while lines are being stored is stored
/// together. Source: Quay 6.6.
struct LogStream: Sendable {
    private struct Line: Sendable {
        let number: Int32
        let token: String
        /// Nil for a message that can't be read, or that breaks the order: answered with false, in its place.
        let message: BuildLogMessage?
    }

    /// More lines than these, or larger ones, wait in the network instead.
    private static let limit = 512
    private static let maximumBytes = 1 << 20
    /// A longer text is cut, in characters: a log is for people.
    static let maximumLength = 65_536

    let supervisor: JobSupervisor
    let tokens: JobTokens
    let clock: WallClock

    func run(
        _ requests: RPCAsyncSequence<BuildmanPb_LogMessageRequest, any Error>,
        _ replies: RPCWriter<BuildmanPb_LogMessageResponse>
    ) async throws {
        let batches = LineBatches<Line>(limit: Self.limit, maximumBytes: Self.maximumBytes)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                do { try await Self.read(requests, into: batches) } catch {
                    await batches.finish()
                    throw error
                }
            }
            group.addTask {
                do { try await store(batches, replies) } catch {
                    await batches.finish()
                    throw error
                }
            }
            try await group.next()
            try await group.waitForAll()
        }
    }

    private static func read(
        _ requests: RPCAsyncSequence<BuildmanPb_LogMessageRequest, any Error>, into batches: LineBatches<Line>
    ) async throws {
        do {
            try await cancelWhenGracefulShutdown {
                var last: Int32 = 0
                for try await request in requests {
                    // Numbers rise within a stream; a new stream may begin with lines that were sent before.
                    let isInOrder = request.sequenceNumber > last
                    last = max(last, request.sequenceNumber)
                    await batches.add(
                        Line(
                            number: request.sequenceNumber, token: request.jobJwt,
                            message: isInOrder ? BuildLogMessage(json: request.logMessage) : nil),
                        bytes: request.logMessage.utf8.count)
                }
            }
        } catch is CancellationError where Task.isShuttingDownGracefully {
            // The manager stops: what has come is stored and answered, and the stream ends.
        }
        await batches.finish()
    }

    private func store(
        _ batches: LineBatches<Line>, _ replies: RPCWriter<BuildmanPb_LogMessageResponse>
    ) async throws {
        var memory = JobTokenMemory(tokens)
        // What follows a refused line must wait for it: stored first, it would make the line look like one that is there.
        var isStored = true
        while let batch = await batches.next() {
            for run in try await Self.runs(of: batch, &memory) {
                let lines = run.lines.compactMap { line in
                    entry(line).map { BuildLogLine(number: Int(line.number), entry: $0) }
                }
                if isStored { isStored = try await supervisor.append(lines, of: run.key) }
                for line in run.lines {
                    let isAccepted = isStored && line.message != nil
                    try await replies.write(
                        BuildmanPb_LogMessageResponse(success: isAccepted, sequenceNumber: line.number))
                }
            }
        }
    }

    /// Neighbours that speak for the same job; nearly always all of them.
    private static func runs(
        of batch: [Line], _ memory: inout JobTokenMemory
    ) async throws -> [(key: JobKey, lines: [Line])] {
        var runs: [(key: JobKey, lines: [Line])] = []
        for line in batch {
            let key = try await memory.key(of: line.token)
            if runs.last?.key == key {
                runs[runs.count - 1].lines.append(line)
            } else {
                runs.append((key, [line]))
            }
        }
        return runs
    }

    private func entry(_ line: Line) -> BuildLogEntry? {
        switch line.message {
        case .failure(let failure): return .failure(failure, at: clock.now)
        case .output(let text):
            let text = text.hasSuffix("\n") ? String(text.dropLast()) : text
            guard text.count > Self.maximumLength else { return .output(text, at: clock.now) }
            return .output(text.prefix(Self.maximumLength) + " …", at: clock.now)
        case nil: return nil
        }
    }
}
