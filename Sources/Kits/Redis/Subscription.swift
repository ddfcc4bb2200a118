import Logging

/// What is published on some channels, as an endless sequence for one reader.
///
/// The connection is made anew whenever it is lost; ``Event/gap`` then says that messages may have been missed. The same
/// is said when the reader falls more than ``capacity`` events behind.
package struct Subscription: AsyncSequence, Sendable {
    package enum Event: Sendable, Hashable {
        /// The subscription has taken effect for the first time: what is published from now on arrives.
        case listening
        /// The subscription works again: look for yourself what happened meanwhile.
        case gap
        case message(channel: String, payload: [UInt8])
    }

    /// How many events wait for a slow reader.
    package static let capacity = 10_000

    private let events: AsyncStream<Event>

    init(_ settings: RedisSettings, channels: [String], patterns: [String], logger: Logger) throws(RedisError) {
        let inbox = Inbox(waker: try Waker())
        let (events, sink) = AsyncStream.makeStream(of: Event.self, bufferingPolicy: .bufferingOldest(Self.capacity))
        sink.onTermination = { _ in inbox.stop() }
        self.events = events
        let commands = try [("SUBSCRIBE", channels), ("PSUBSCRIBE", patterns)].filter { !$0.1.isEmpty }
            .map { name, names throws(RedisError) in try EncodedCommand([name] + names).bytes }
        let names = channels.count + patterns.count
        LoopThread.start(named: "redis-subscription") {
            SubscriptionThread(
                settings, commands: commands, names: names, inbox: inbox, sink: EventSink(sink), logger: logger
            )
            .run()
        }
    }

    package func makeAsyncIterator() -> AsyncStream<Event>.Iterator { events.makeAsyncIterator() }
}
