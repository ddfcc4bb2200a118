import Foundation
import Logging
import Runtime
import WebRequests

/// Tells all the time what there is of one kind of object: lists it, follows its changes, and lists it again now and
/// then, and whenever the thread is lost.
struct KubernetesWatch<Object: KubernetesObject>: Sendable {
    enum Change: Sendable {
        /// Everything there is. What is not in it is gone, or newer than the list.
        case listed([Object])
        case changed(Object)
        case removed(Object)
    }

    let client: KubernetesClient
    let selector: String
    var timing = WatchTiming()
    let clock: WallClock
    let randomness: Randomness
    let logger: Logger

    /// Tells changes in their order until the task is cancelled. What fails is tried again, and said once.
    func run(_ tell: @Sendable (Change) async -> Void) async {
        var pause = timing.firstPause
        var problem: String?
        while !Task.isCancelled {
            do {
                let (objects, version) = try await client.list(Object.self, selector: selector)
                if problem != nil { logger.notice("the Kubernetes API answers again", metadata: metadata) }
                problem = nil
                await tell(.listed(objects))
                let begun = clock.now
                try await follow(from: version, pause: &pause, tell)
                // Whoever is sent back to the list at once, again and again, waits a little longer each time.
                if clock.now < begun + timing.shortStream { try await rest(&pause) }
            } catch is CancellationError { return } catch {
                let sentence = "\(error)"
                if sentence != problem {
                    logger.warning("the Kubernetes API can't be watched: \(sentence)", metadata: metadata)
                }
                problem = sentence
                do { try await rest(&pause) } catch { return }
            }
        }
    }

    /// Follows the changes since `version`. Returns when the list is due again, or the server has forgotten the version.
    private func follow(
        from version: String, pause: inout Duration, _ tell: @Sendable (Change) async -> Void
    ) async throws {
        var version = version
        let end = clock.now + timing.resync
        while clock.now < end {
            let begun = clock.now
            let rest = Duration.milliseconds(Int64(end.timeIntervalSince(begun) * 1000))
            do {
                let body = try await client.watch(
                    Object.resource, selector: selector, from: version, for: rest, silentFor: timing.silence)
                var lines = JSONLines(maximumBytes: timing.maximumLineBytes)
                for try await chunk in body {
                    for line in try lines.append(chunk) {
                        guard try await take(line, &version, tell) else { return }
                    }
                    pause = timing.firstPause
                }
            } catch let refusal as KubernetesRefusal where refusal.status == 410 {
                return
            } catch let error as WebError {
                // Cut off in the middle: nothing is lost, since the version says where to go on.
                logger.debug("a watch was cut: \(error)", metadata: metadata)
            }
            if clock.now < begun + timing.shortStream { try await self.rest(&pause) }
        }
    }

    /// False when the version that the watch goes on from is forgotten.
    private func take(
        _ line: [UInt8], _ version: inout String, _ tell: @Sendable (Change) async -> Void
    ) async throws -> Bool {
        let data = Data(line)
        do {
            switch try JSONDecoder().decode(Kind.self, from: data).type {
            case "ADDED", "MODIFIED":
                let object = try JSONDecoder().decode(Event<Object>.self, from: data).object
                version = object.metadata.resourceVersion ?? version
                await tell(.changed(object))
            case "DELETED":
                let object = try JSONDecoder().decode(Event<Object>.self, from: data).object
                version = object.metadata.resourceVersion ?? version
                await tell(.removed(object))
            case "BOOKMARK":
                version =
                    try JSONDecoder().decode(Event<Bookmark>.self, from: data).object.metadata.resourceVersion
                    ?? version
            case "ERROR":
                let status = try JSONDecoder().decode(Event<KubernetesStatus>.self, from: data).object
                if status.code == 410 { return false }
                throw ExecutorFailure(
                    "The Kubernetes API at \(client.server) ended a watch: \(status.message ?? "without a reason")")
            default: break
            }
        } catch is DecodingError {
            throw ExecutorFailure("The server at \(client.server) sends changes that are not of the Kubernetes API.")
        }
        return true
    }

    private struct Kind: Decodable { let type: String }
    private struct Event<Value: Decodable>: Decodable { let object: Value }
    private struct Bookmark: Decodable { let metadata: KubernetesMetadata }

    /// Waits half of `pause` to all of it, and doubles it.
    private func rest(_ pause: inout Duration) async throws {
        let wait = pause * Double(randomness.integer(in: 50...100)) / 100
        pause = min(pause * 2, timing.longestPause)
        try await clock.sleep(for: wait)
    }

    private var metadata: Logger.Metadata { ["resource": "\(Object.resource.plural)"] }
}

/// How long a watch waits for what.
struct WatchTiming: Sendable {
    /// Everything is listed again after it, whatever was heard meanwhile.
    var resync: Duration = .seconds(300)
    /// A stream without a word, bookmarks included, is taken for dead.
    var silence: Duration = .seconds(90)
    var firstPause: Duration = .milliseconds(500)
    var longestPause: Duration = .seconds(30)
    /// A stream that ends sooner has failed.
    var shortStream: Duration = .seconds(1)
    /// A longer line is none of this API's: objects have at most half of it.
    var maximumLineBytes = 4 * 1_048_576
}

/// Cuts bytes that come in pieces into lines.
struct JSONLines: Sendable {
    let maximumBytes: Int
    private var rest: [UInt8] = []

    init(maximumBytes: Int) { self.maximumBytes = maximumBytes }

    /// The lines that are whole now, without those that are blank. Throws when one gets too long.
    mutating func append(_ chunk: [UInt8]) throws(ExecutorFailure) -> [[UInt8]] {
        var parts = chunk.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        let last = parts.popLast() ?? []
        var lines: [[UInt8]] = []
        for part in parts {
            lines.append(rest + part)
            rest = []
        }
        rest += last
        guard rest.count <= maximumBytes, lines.allSatisfy({ $0.count <= maximumBytes }) else {
            throw ExecutorFailure("A watch of the Kubernetes API sent a line of more than \(maximumBytes) bytes.")
        }
        return lines.filter { !$0.isEmpty }
    }
}
