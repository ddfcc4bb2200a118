import Foundation
import Synchronization
import TestSupport
import Testing

@testable import WebRequests

@Suite("Web streams", .timeLimit(.minutes(2))) struct WebStreamTests {
    private let client = WebClient(addresses: .any)
    private let size = 50 * 1_048_576

    @Test("a slow reader slows the server down, and gets every byte")
    func slowReader() async throws {
        let server = try await TestWebServer()
        var request = WebRequest(.get, server.url("/bytes?count=\(size)"))
        request.maximumBodyBytes = nil
        let answer = try await client.stream(request)
        var bytes = answer.body.makeAsyncIterator()
        var count = try #require(try await bytes.next()).count
        // The loop makes many rounds meanwhile: unbounded buffering would have read everything.
        var sent = 0
        for _ in 1...100 {
            sent = try #require(Int(try await client.send(WebRequest(.get, server.url("/sent"))).text))
        }
        #expect(sent < 16 * 1_048_576)
        while let chunk = try await bytes.next() {
            #expect(chunk.count <= Exchange.highWatermark + 65_536)
            count += chunk.count
        }
        #expect(count == size)
        #expect(try await bytes.next() == nil)
    }

    @Test("a slow server slows the producer of a body down, and gets every byte", arguments: [50 * 1_048_576, nil])
    func slowServer(_ length: Int?) async throws {
        let server = try await TestWebServer()
        let produced = Counter()
        let total = size
        let chunks = AsyncThrowingStream<[UInt8], any Error>(unfolding: {
            guard produced.value < total else { return nil }
            produced.add(65_536)
            return [UInt8](repeating: 120, count: 65_536)
        })
        let client = self.client
        let upload = Task {
            var request = WebRequest(.post, server.url("/hold"))
            request.body = .stream(length: length, SendableChunks(base: chunks))
            return try await client.send(request)
        }
        try await server.process.line(containing: "/hold")
        for _ in 1...100 { _ = try await client.send(WebRequest(.get, server.url("/sent"))) }
        #expect(produced.value < 32 * 1_048_576)
        _ = try await client.send(WebRequest(.get, server.url("/release")))
        #expect(try await upload.value.text == "\(total)")
    }

    @Test("a body of another length than announced is an error", arguments: [4, 6])
    func wrongLength(_ length: Int) async throws {
        let server = try await TestWebServer()
        let chunks = AsyncThrowingStream<[UInt8], any Error> { continuation in
            continuation.yield(Array("hello".utf8))
            continuation.finish()
        }
        let request = WebRequest(
            .post, server.url("/echo"), body: .stream(length: length, SendableChunks(base: chunks)))
        let error = await #expect(throws: WebError.self) { try await client.send(request) }
        #expect(error?.description.contains("\(length) bytes") == true)
    }

    @Test("an error of the body's producer ends the request and reaches the caller")
    func failingProducer() async throws {
        struct DiskOnFire: Error {}
        let server = try await TestWebServer()
        let chunks = AsyncThrowingStream<[UInt8], any Error>(unfolding: { throw DiskOnFire() })
        let request = WebRequest(.post, server.url("/echo"), body: .stream(length: nil, SendableChunks(base: chunks)))
        await #expect(throws: DiskOnFire.self) { try await client.send(request) }
    }

    @Test("cancelling the task ends the transfer, before the head and after", arguments: ["/silent", "/drip"])
    func cancellation(_ path: String) async throws {
        let server = try await TestWebServer()
        let client = self.client
        let task = Task { try await client.send(WebRequest(.get, server.url(path))) }
        try await server.process.line(containing: path)
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        try await server.process.line(containing: "closed \(path)")
    }

    @Test("letting go of an answer ends the transfer")
    func lettingGo() async throws {
        let server = try await TestWebServer()
        _ = try await client.stream(WebRequest(.get, server.url("/drip")))
        try await server.process.line(containing: "closed /drip")
    }

    @Test("an answer outlives the client that asked")
    func outlivesClient() async throws {
        let server = try await TestWebServer()
        let answer = try await WebClient(addresses: .any).stream(WebRequest(.get, server.url("/bytes?count=1000000")))
        #expect(try await answer.whole().body.count == 1_000_000)
    }

    @Test("many requests at once share the thread")
    func parallel() async throws {
        let server = try await TestWebServer()
        let client = self.client
        let sizes = try await withThrowingTaskGroup(of: Int.self) { group in
            for number in 1...50 {
                group.addTask {
                    try await client.send(WebRequest(.get, server.url("/bytes?count=\(number * 1000)"))).body.count
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(sizes.sorted() == (1...50).map { $0 * 1000 })
    }
}

@Suite("Web time limits", .timeLimit(.minutes(2))) struct WebTimeoutTests {
    private let client = WebClient(addresses: .any)

    @Test("silence ends the request, before the head and in the body", arguments: ["/silent", "/drip"])
    func idle(_ path: String) async throws {
        let server = try await TestWebServer()
        var request = WebRequest(.get, server.url(path))
        request.timeouts.idle = .milliseconds(200)
        await #expect(throws: WebError.timedOut(host: "127.0.0.1", during: .waiting)) { try await client.send(request) }
        try await server.process.line(containing: "closed \(path)")
    }

    @Test("the total limit counts over all redirects", arguments: ["/silent", "/redirect?to=/silent"])
    func total(_ path: String) async throws {
        let server = try await TestWebServer()
        var request = WebRequest(.get, server.url(path))
        request.timeouts.total = .milliseconds(400)
        await #expect(throws: WebError.timedOut(host: "127.0.0.1", during: .transferring)) {
            try await client.send(request)
        }
    }

    @Test("a server that accepts and never speaks TLS is a failed connection")
    func connect() async throws {
        let listener = try SilentListener()
        var request = WebRequest(.get, "https://127.0.0.1:\(listener.port)/")
        request.timeouts.connect = .milliseconds(200)
        await #expect(throws: WebError.timedOut(host: "127.0.0.1", during: .connecting)) {
            try await client.send(request)
        }
    }

    @Test("a reader that pauses is not silence")
    func pausedReader() async throws {
        let server = try await TestWebServer()
        var request = WebRequest(.get, server.url("/bytes?count=20000000"))
        request.maximumBodyBytes = nil
        request.timeouts.idle = .milliseconds(100)
        let answer = try await client.stream(request)
        var bytes = answer.body.makeAsyncIterator()
        var count = try #require(try await bytes.next()).count
        // Another request, silent for three times as long, measures the pause.
        var silence = WebRequest(.get, server.url("/silent"))
        silence.timeouts.idle = .milliseconds(300)
        await #expect(throws: WebError.self) { try await client.send(silence) }
        while let chunk = try await bytes.next() { count += chunk.count }
        #expect(count == 20_000_000)
    }
}

private final class Counter: Sendable {
    private let number = Mutex(0)
    var value: Int { number.withLock { $0 } }
    func add(_ more: Int) { number.withLock { $0 += more } }
}

/// A stream under the one type that requests take.
private struct SendableChunks: AsyncSequence, Sendable {
    let base: AsyncThrowingStream<[UInt8], any Error>
    func makeAsyncIterator() -> AsyncThrowingStream<[UInt8], any Error>.AsyncIterator { base.makeAsyncIterator() }
}
