import CCurl
import Glibc

/// One libcurl easy handle and its callbacks. Lives on the loop's thread only.
final class Transfer {
    let number: Int
    let plan: TransferPlan
    let exchange: Exchange
    let handle: UnsafeMutableRawPointer
    private var lines: UnsafeMutablePointer<curl_slist>?
    private var file: Int32 = -1
    private var position = 0
    private var head = HeadParser()
    private var received = 0
    private var lastActivity = ContinuousClock.now
    private var isPaused = false
    /// Why a callback of ours stopped libcurl.
    private var problem: WebError?

    init(number: Int, plan: TransferPlan, exchange: Exchange) throws(WebError) {
        guard let handle = curl_easy_init() else { throw .invalidRequest("out of memory") }
        self.number = number
        self.plan = plan
        self.exchange = exchange
        self.handle = handle
        do throws(WebError) {
            if case .file(let path, _) = plan.body {
                file = open(path, O_RDONLY | O_CLOEXEC)
                guard file >= 0 else { throw .invalidRequest("The file \(path) can't be read.") }
            }
            lines = try EasyHandle(handle).apply(plan)
        } catch {
            close()
            throw error
        }
        installCallbacks()
    }

    /// Frees the handle; libcurl must have let go of it. Nothing else may be called afterwards.
    func close() {
        curl_easy_cleanup(handle)
        curl_slist_free_all(lines)
        lines = nil
        if file >= 0 { Glibc.close(file) }
        file = -1
    }

    /// Goes on after a callback had to wait for the async side.
    func resume() {
        isPaused = false
        lastActivity = .now
        curl_easy_pause(handle, CURLPAUSE_CONT)
    }

    /// How long the silence may still last; `nil` while it is our own or without limit.
    func patience(at now: ContinuousClock.Instant) -> Duration? {
        guard let idle = plan.timeouts.idle, !isPaused else { return nil }
        return idle - (now - lastActivity)
    }

    func result(of code: CURLcode) -> Result<Void, any Error> {
        if let problem { return .failure(problem) }
        if code == CURLE_OK { return .success(()) }
        return .failure(WebError(code, host: plan.url.host, handle: handle))
    }

    private func installCallbacks() {
        let me = Unmanaged.passUnretained(self).toOpaque()
        for option in [
            CURLOPT_HEADERDATA, CURLOPT_WRITEDATA, CURLOPT_READDATA, CURLOPT_SEEKDATA, CURLOPT_OPENSOCKETDATA,
        ] {
            ccurl_set_pointer(handle, option, me)
        }
        ccurl_set_data_callback(handle, CURLOPT_HEADERFUNCTION) { bytes, size, count, me in
            Transfer.at(me)?.receive(headLine: UnsafeRawBufferPointer(start: bytes, count: size * count)) ?? 0
        }
        ccurl_set_data_callback(handle, CURLOPT_WRITEFUNCTION) { bytes, size, count, me in
            Transfer.at(me)?.receive(UnsafeRawBufferPointer(start: bytes, count: size * count)) ?? 0
        }
        ccurl_set_data_callback(handle, CURLOPT_READFUNCTION) { bytes, size, count, me in
            Transfer.at(me)?.send(UnsafeMutableRawBufferPointer(start: bytes, count: size * count))
                ?? Int(CURL_READFUNC_ABORT)
        }
        ccurl_set_seek_callback(handle) { me, offset, origin in
            guard let transfer = Transfer.at(me), origin == SEEK_SET, transfer.rewind(to: Int(offset)) else {
                return CURL_SEEKFUNC_FAIL
            }
            return CURL_SEEKFUNC_OK
        }
        ccurl_set_open_socket_callback(handle) { me, _, address in
            guard let address, let transfer = Transfer.at(me) else { return -1 }
            return transfer.openSocket(address)
        }
    }

    private static func at(_ pointer: UnsafeMutableRawPointer?) -> Transfer? {
        pointer.map { Unmanaged<Transfer>.fromOpaque($0).takeUnretainedValue() }
    }

    /// Opens the socket that libcurl will connect, if the policy allows its address. -1 is CURL_SOCKET_BAD.
    private func openSocket(_ address: UnsafeMutablePointer<curl_sockaddr>) -> curl_socket_t {
        let target = withUnsafePointer(to: &address.pointee.addr) { pointer in
            IPAddress(socketAddress: pointer, length: Int(address.pointee.addrlen))
        }
        // One refused answer of a name is enough: what else it says is not believed either.
        guard problem == nil, let target else { return -1 }
        if let reason = plan.addresses.refusal(of: target) {
            problem = .refused(host: plan.url.host, reason: "it leads to \(reason)")
            return -1
        }
        lastActivity = .now
        return socket(
            address.pointee.family, address.pointee.socktype | Int32(SOCK_CLOEXEC.rawValue), address.pointee.protocol)
    }

    private func receive(headLine bytes: UnsafeRawBufferPointer) -> Int {
        lastActivity = .now
        switch head.read(bytes) {
        case .more:
            break
        case .complete(let status, let headers):
            if let limit = plan.maximumBodyBytes, plan.method != .head,
                let length = headers["Content-Length"].flatMap({ Int($0) }), length > limit
            {
                problem = .tooLarge(limit: limit)
                return 0
            }
            exchange.deliver(WebResponseHead(status: status, headers: headers, url: plan.url))
        case .tooLarge:
            problem = .tooLarge(limit: HeadParser.maximumBytes)
            return 0
        case .malformed:
            problem = .interrupted(host: plan.url.host, reason: "the answer's head is not HTTP")
            return 0
        }
        return bytes.count
    }

    private func receive(_ bytes: UnsafeRawBufferPointer) -> Int {
        lastActivity = .now
        if let limit = plan.maximumBodyBytes, received + bytes.count > limit {
            problem = .tooLarge(limit: limit)
            return 0
        }
        switch exchange.receive(bytes) {
        case .done(let count):
            received += count
            return count
        case .wait:
            isPaused = true
            return Int(CURL_WRITEFUNC_PAUSE)
        case .abort:
            return 0
        }
    }

    private func send(_ space: UnsafeMutableRawBufferPointer) -> Int {
        lastActivity = .now
        switch plan.body {
        case .none:
            return 0
        case .bytes(let bytes):
            let count = min(space.count, bytes.count - position)
            bytes.withUnsafeBytes { space.copyMemory(from: .init(rebasing: $0[position..<position + count])) }
            position += count
            return count
        case .file(let path, let size):
            // Never more than was announced, should the file grow meanwhile.
            let count = pread(file, space.baseAddress, min(space.count, size - position), position)
            guard count > 0 || position == size else {
                problem = .invalidRequest("The file \(path) became shorter while it was sent.")
                return Int(CURL_READFUNC_ABORT)
            }
            position += count
            return count
        case .stream:
            switch exchange.provide(space) {
            case .done(let count): return count
            case .wait:
                isPaused = true
                return Int(CURL_READFUNC_PAUSE)
            case .abort: return Int(CURL_READFUNC_ABORT)
            }
        }
    }

    /// libcurl sends the body again when a pooled connection turns out to be dead.
    private func rewind(to offset: Int) -> Bool {
        if case .stream = plan.body { return false }
        position = offset
        return true
    }
}
