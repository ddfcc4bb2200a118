import Foundation
import Glibc
import Runtime
import Synchronization
import TestSupport

@testable import RegistryLite

/// A real browser without a window, driven over its remote debugging pipe. One page, one profile, gone with the value.
final class HeadlessBrowser: Sendable {
    struct Failed: Error, CustomStringConvertible { let description: String }

    private struct State {
        var nextID = 1
        var waiting: [Int: CheckedContinuation<JSONValue, any Error>] = [:]
        var problems: [String] = []
    }

    private let process: ChildProcess
    private let folder: TemporaryFolder
    private let input: Int32
    private let output: Int32
    private let state = Mutex(State())
    private let session = Mutex("")

    init(width: Int = 1_280, height: Int = 900) async throws {
        folder = try TemporaryFolder()
        let (toBrowser, fromBrowser) = (folder.path("in"), folder.path("out"))
        guard mkfifo(toBrowser, 0o600) == 0, mkfifo(fromBrowser, 0o600) == 0 else {
            throw Failed(description: "mkfifo: \(errno)")
        }
        // Opened for both directions: opening one end of a FIFO would wait for the other.
        input = Glibc.open(toBrowser, O_RDWR | O_CLOEXEC)
        output = Glibc.open(fromBrowser, O_RDWR | O_CLOEXEC)
        let script = """
            exec chromium --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run \
            --user-data-dir="$1" --window-size=\(width),\(height) --remote-debugging-pipe about:blank 3<"$2" 4>"$3"
            """
        process = try ChildProcess(
            "/bin/bash", ["-c", script, "bash", folder.path("profile"), toBrowser, fromBrowser])
        let descriptor = output
        Thread.detachNewThread { [weak self] in Self.read(descriptor) { self?.take($0) } }
        let target = try await call("Target.createTarget", ["url": "about:blank"], inPage: false)
        let attached = try await call(
            "Target.attachToTarget", ["targetId": target["targetId"] ?? .null, "flatten": true], inPage: false)
        session.withLock { $0 = attached["sessionId"]?.string ?? "" }
        for domain in ["Page", "Runtime", "Log"] { try await call("\(domain).enable") }
    }

    deinit {
        process.kill()
        // Wakes the reading thread, which closes its end.
        var nothing: [UInt8] = [0]
        _ = Glibc.write(output, &nothing, 1)
        close(input)
    }

    /// What pages complained about: exceptions, refused loads, violations of the content security policy.
    var problems: [String] { state.withLock { $0.problems } }

    /// Opens an address and waits until its modules have run.
    func open(_ address: String) async throws {
        try await call("Page.navigate", ["url": .string(address)])
        try await wait("document.readyState === 'complete' && location.href.startsWith(\(Self.quoted(address)))")
    }

    /// Gives the page a screen of another size, in CSS pixels.
    func resize(width: Int64, height: Int64) async throws {
        try await call(
            "Emulation.setDeviceMetricsOverride",
            ["width": .integer(width), "height": .integer(height), "deviceScaleFactor": 1, "mobile": false])
    }

    /// Waits until an expression is true, and answers its value.
    @discardableResult
    func wait(_ expression: String) async throws -> JSONValue {
        let promise = """
            new Promise((ok, no) => {
              const end = Date.now() + 20000;
              (function look() {
                let value = null;
                try { value = (\(expression)); } catch { value = null; }
                if (value) return ok(value);
                if (Date.now() > end) return no(new Error("in vain"));
                setTimeout(look, 20);
              })();
            })
            """
        // A navigation takes the promise with its page: it is asked again on the next one.
        for _ in 0..<5 {
            do { return try await evaluate(promise) } catch let error as Failed {
                guard error.description.contains("context") || error.description.contains("navigated") else {
                    throw Failed(description: "Waited in vain for \(expression): \(error)")
                }
            }
        }
        throw Failed(description: "Waited in vain for \(expression)")
    }

    /// The value of an expression, or of the promise that it makes.
    @discardableResult
    func evaluate(_ expression: String) async throws -> JSONValue {
        let answer = try await call(
            "Runtime.evaluate",
            [
                "expression": .string(expression), "awaitPromise": true, "returnByValue": true, "userGesture": true,
            ])
        if let details = answer["exceptionDetails"] {
            throw Failed(
                description: details["exception"]?["description"]?.string ?? details["text"]?.string ?? "exception")
        }
        return answer["result"]?["value"] ?? .null
    }

    /// Presses and releases a key as a keyboard would.
    func press(_ key: String) async throws {
        for type in ["keyDown", "keyUp"] {
            var event: [String: JSONValue] = ["type": .string(type), "key": .string(key)]
            if key.count == 1, type == "keyDown" { event["text"] = .string(key) }
            if let code = ["Escape": 27, "Enter": 13][key] {
                event["windowsVirtualKeyCode"] = .integer(Int64(code))
                event["code"] = .string(key)
            }
            try await call("Input.dispatchKeyEvent", .object(event))
        }
    }

    /// Types into the element that has the focus.
    func type(_ text: String) async throws { try await call("Input.insertText", ["text": .string(text)]) }

    @discardableResult
    private func call(_ method: String, _ parameters: JSONValue = .object([:]), inPage: Bool = true) async throws
        -> JSONValue
    {
        let id = state.withLock { state in
            defer { state.nextID += 1 }
            return state.nextID
        }
        var message: [String: JSONValue] = [
            "id": .integer(Int64(id)), "method": .string(method), "params": parameters,
        ]
        if inPage { message["sessionId"] = .string(session.withLock { $0 }) }
        let bytes = [UInt8](try JSONValue.object(message).encoded()) + [0]
        return try await withThrowingTaskGroup(of: JSONValue.self) { group in
            group.addTask { try await self.exchange(id, bytes) }
            group.addTask {
                try await WallClock.system.sleep(for: .seconds(60))
                throw Failed(description: "\(method) got no answer; the browser said:\n\(self.process.printed)")
            }
            defer { group.cancelAll() }
            guard let answer = try await group.next() else { throw CancellationError() }
            if let error = answer["error"] { throw Failed(description: error["message"]?.string ?? "\(error)") }
            return answer["result"] ?? .null
        }
    }

    private func exchange(_ id: Int, _ bytes: [UInt8]) async throws -> JSONValue {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                state.withLock { $0.waiting[id] = continuation }
                guard Glibc.write(input, bytes, bytes.count) == bytes.count else {
                    finish(id, .failure(Failed(description: "The browser's pipe is broken.")))
                    return
                }
            }
        } onCancel: {
            finish(id, .failure(CancellationError()))
        }
    }

    private func finish(_ id: Int, _ result: Result<JSONValue, any Error>) {
        state.withLock { $0.waiting.removeValue(forKey: id) }?.resume(with: result)
    }

    private func take(_ message: [UInt8]) {
        guard let value = try? JSONValue(parsing: message) else { return }
        if case .integer(let id)? = value["id"] {
            finish(Int(id), .success(value))
            return
        }
        switch value["method"]?.string {
        case "Runtime.exceptionThrown":
            state.withLock { $0.problems.append("\(value["params"]?["exceptionDetails"] ?? .null)") }
        case "Log.entryAdded":
            guard let entry = value["params"]?["entry"], entry["level"]?.string == "error" else { return }
            state.withLock { $0.problems.append("\(entry["text"]?.string ?? "") \(entry["url"]?.string ?? "")") }
        default: break
        }
    }

    private static func read(_ descriptor: Int32, _ take: ([UInt8]) -> Void) {
        var pending: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            pending += buffer[..<count]
            while let end = pending.firstIndex(of: 0) {
                // An empty message is the sign that the browser has gone.
                guard end > 0 else {
                    close(descriptor)
                    return
                }
                take(Array(pending[..<end]))
                pending.removeSubrange(...end)
            }
        }
        close(descriptor)
    }

    /// A text as a literal of the page's language.
    static func quoted(_ text: String) -> String {
        guard let bytes = try? JSONValue.string(text).encoded() else { return "null" }
        return String(decoding: bytes, as: UTF8.self)
    }
}
