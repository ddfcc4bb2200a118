import Domain
import Hummingbird
import Logging
import NIOCore
import Synchronization

/// What travels with one request beside the request itself.
struct AppContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    /// The connection, for bodies that the kernel sends by itself.
    let channel: any Channel
    /// What the parts of the site find out about the request, for its log line and its metrics.
    let notes = RequestNotes()
    /// The client's address, where a trusted proxy has told it.
    var forwardedAddress: String?

    init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        channel = source.channel
    }

    /// The address at the other end of the connection; nil for a connection without one.
    var peerAddress: String? { channel.remoteAddress?.ipAddress }

    /// The address of the client itself, for usage logs, limits and log lines: the other end of the connection, unless that
    /// is a trusted proxy which says whom it speaks for.
    var clientAddress: String? { forwardedAddress ?? peerAddress }
}

/// What the parts of the site find out about one request.
final class RequestNotes: Sendable {
    private struct State {
        var route: String?
        var caller: Caller?
    }

    private let state = Mutex(State())

    /// The template of the request's path, such as `/v2/{name}/blobs/{digest}`: never what a client wrote.
    func name(_ route: String) { state.withLock { $0.route = route } }

    /// Who asks, once that is known.
    func name(_ caller: Caller) { state.withLock { $0.caller = caller } }

    var route: String? { state.withLock { $0.route } }
    var caller: Caller? { state.withLock { $0.caller } }
}
