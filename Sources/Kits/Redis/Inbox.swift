import Foundation
import Synchronization

/// Calls on their way to the thread that performs them.
final class Inbox: Sendable {
    private struct State {
        var calls: [RedisCall] = []
        var isStopped = false
    }

    let waker: Waker
    private let state = Mutex(State())

    init(waker: Waker) { self.waker = waker }

    var isStopped: Bool { state.withLock { $0.isStopped } }

    func post(_ call: RedisCall) {
        let isStopped = state.withLock { state in
            if !state.isStopped { state.calls.append(call) }
            return state.isStopped
        }
        if isStopped { call.fail(RedisError.closed) } else { waker.wake() }
    }

    func take() -> [RedisCall] {
        state.withLock { state in
            defer { state.calls = [] }
            return state.calls
        }
    }

    func stop() {
        state.withLock { $0.isStopped = true }
        waker.wake()
    }
}

/// Threads that own C handles.
enum LoopThread {
    static func start(named name: String, _ body: @escaping @Sendable () -> Void) {
        let thread = Thread {
            // OpenSSL writes without MSG_NOSIGNAL: a server that went away must be an error, not the end of the program.
            var pipe = sigset_t()
            sigemptyset(&pipe)
            sigaddset(&pipe, SIGPIPE)
            pthread_sigmask(SIG_BLOCK, &pipe, nil)
            body()
        }
        thread.name = name
        thread.start()
    }
}
