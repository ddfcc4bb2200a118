import Hummingbird
import Logging
import NIOCore

/// What travels with one request beside the request itself.
struct AppContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    /// The connection, for bodies that the kernel sends by itself.
    let channel: any Channel

    init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        channel = source.channel
    }

    /// The address at the other end of the connection; nil for a connection without one.
    var peerAddress: String? { channel.remoteAddress?.ipAddress }
}
