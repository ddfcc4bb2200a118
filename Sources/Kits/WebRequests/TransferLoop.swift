import CCurl
import Foundation
import Synchronization

/// A libcurl multi handle on a thread of its own: performs all transfers of one client, over one pool of connections.
///
/// The thread ends when nobody holds the loop any more; transfers that are still under way then fail as cancelled.
final class TransferLoop: Sendable {
    enum Command: Sendable {
        case start(Int, TransferPlan, Exchange)
        case signal(Int, Exchange.Signal)
        case stop
    }

    private let mailbox = Mailbox()

    init() {
        let mailbox = self.mailbox
        let thread = Thread { LoopThread(mailbox: mailbox).run() }
        thread.name = "web-requests"
        thread.start()
    }

    deinit { mailbox.post(.stop) }

    func start(_ plan: TransferPlan) -> Exchange {
        let number = mailbox.nextNumber()
        let exchange = Exchange { [mailbox] in mailbox.post(.signal(number, $0)) }
        mailbox.post(.start(number, plan, exchange))
        return exchange
    }

    /// Commands on their way to the thread.
    fileprivate final class Mailbox: Sendable {
        private struct State {
            var commands: [Command] = []
            var numbers = 0
            /// The multi handle while the thread lives, for waking it and nothing else.
            var sleeper: UnsafeMutableRawPointer?
            var isClosed = false
        }

        private let state = Mutex(State())

        func nextNumber() -> Int {
            state.withLock { state in
                state.numbers += 1
                return state.numbers
            }
        }

        func post(_ command: Command) {
            let refused = state.withLock { state in
                if state.isClosed { return true }
                state.commands.append(command)
                if let sleeper = state.sleeper { curl_multi_wakeup(sleeper) }
                return false
            }
            if refused, case .start(_, _, let exchange) = command { exchange.finish(.failure(CancellationError())) }
        }

        func take() -> [Command] {
            state.withLock { state in
                defer { state.commands = [] }
                return state.commands
            }
        }

        func open(sleeper: UInt) {
            state.withLock { $0.sleeper = UnsafeMutableRawPointer(bitPattern: sleeper) }
        }

        /// After this nobody touches the multi handle; answers what was still to do.
        func close() -> [Command] {
            state.withLock { state in
                state.sleeper = nil
                state.isClosed = true
                return state.commands
            }
        }
    }
}

/// What only the loop's own thread touches.
private final class LoopThread {
    private let mailbox: TransferLoop.Mailbox
    private var transfers: [Int: Transfer] = [:]
    private var isStopping = false

    init(mailbox: TransferLoop.Mailbox) { self.mailbox = mailbox }

    func run() {
        // OpenSSL writes without MSG_NOSIGNAL, and with NOSIGNAL libcurl leaves the signal to us.
        var pipe = sigset_t()
        sigemptyset(&pipe)
        sigaddset(&pipe, SIGPIPE)
        pthread_sigmask(SIG_BLOCK, &pipe, nil)
        guard CurlLibrary.isReady, let multi = curl_multi_init() else {
            fail(mailbox.close())
            return
        }
        mailbox.open(sleeper: UInt(bitPattern: multi))
        while true {
            for command in mailbox.take() { obey(command, multi) }
            if isStopping { break }
            var running: Int32 = 0
            curl_multi_perform(multi, &running)
            collect(multi)
            curl_multi_poll(multi, nil, 0, endIdle(multi), nil)
        }
        let rest = mailbox.close()
        for number in transfers.keys { end(number, multi, .failure(CancellationError())) }
        fail(rest)
        curl_multi_cleanup(multi)
    }

    private func obey(_ command: TransferLoop.Command, _ multi: UnsafeMutableRawPointer) {
        switch command {
        case .start(let number, let plan, let exchange):
            do {
                let transfer = try Transfer(number: number, plan: plan, exchange: exchange)
                transfers[number] = transfer
                curl_multi_add_handle(multi, transfer.handle)
            } catch {
                exchange.finish(.failure(error))
            }
        case .signal(let number, .stop):
            end(number, multi, .failure(CancellationError()))
        case .signal(let number, .resumeReceiving), .signal(let number, .resumeSending):
            transfers[number]?.resume()
        case .stop:
            isStopping = true
        }
    }

    /// Ends what libcurl has finished with.
    private func collect(_ multi: UnsafeMutableRawPointer) {
        var left: Int32 = 0
        while let message = curl_multi_info_read(multi, &left) {
            guard message.pointee.msg == CURLMSG_DONE else { continue }
            let handle = message.pointee.easy_handle
            let code = ccurl_message_result(message)
            guard let transfer = transfers.values.first(where: { $0.handle == handle }) else { continue }
            end(transfer.number, multi, transfer.result(of: code))
        }
    }

    /// Ends transfers that have been silent for too long; answers in how many milliseconds to look again.
    private func endIdle(_ multi: UnsafeMutableRawPointer) -> Int32 {
        var next = Duration.seconds(60)
        let now = ContinuousClock.now
        for (number, transfer) in transfers {
            guard let left = transfer.patience(at: now) else { continue }
            if left <= .zero {
                let error = WebError.timedOut(host: transfer.plan.url.host, during: .waiting)
                end(number, multi, .failure(error))
            } else {
                next = min(next, left)
            }
        }
        return Int32(next / .milliseconds(1)) + 1
    }

    private func end(_ number: Int, _ multi: UnsafeMutableRawPointer, _ result: Result<Void, any Error>) {
        guard let transfer = transfers.removeValue(forKey: number) else { return }
        curl_multi_remove_handle(multi, transfer.handle)
        transfer.close()
        transfer.exchange.finish(result)
    }

    private func fail(_ commands: [TransferLoop.Command]) {
        for case .start(_, _, let exchange) in commands { exchange.finish(.failure(CancellationError())) }
    }
}

/// libcurl's own set-up, once in a process.
enum CurlLibrary {
    static let isReady = curl_global_init(Int(CURL_GLOBAL_ALL)) == CURLE_OK
}
