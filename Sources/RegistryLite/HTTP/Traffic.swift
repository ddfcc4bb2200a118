import Metrics
import NIOCore
import Synchronization

/// What all connections together have done. Counted without a lock; metrics take it over when somebody asks for them.
final class Traffic: Sendable {
    /// What each metric means, for the text format.
    static let help = [
        "quay_http_connections_open": "Connections to the public port that are open now",
        "quay_http_connections_total": "Connections to the public port that were accepted",
        "quay_http_connections_cut_total": "Connections and streams that were cut because their client only held them",
        "quay_http_received_bytes_total": "Bytes received on the public port, as they came over the wire",
        "quay_http_sent_bytes_total": "Bytes handed to the kernel for the public port",
    ]

    private let opened = Atomic<Int>(0)
    private let closed = Atomic<Int>(0)
    private let received = Atomic<Int>(0)
    private let sent = Atomic<Int>(0)
    private let cuts: [PaceRule.Cut: Counted]

    private final class Counted: Sendable { let number = Atomic<Int>(0) }

    /// What has been handed to counters, which can only rise.
    private let published = Mutex<[String: Int]>([:])

    init() { cuts = Dictionary(uniqueKeysWithValues: PaceRule.Cut.allCases.map { ($0, Counted()) }) }

    var openConnections: Int { opened.load(ordering: .relaxed) - closed.load(ordering: .relaxed) }

    func connectionOpened() { opened.wrappingAdd(1, ordering: .relaxed) }
    func connectionClosed() { closed.wrappingAdd(1, ordering: .relaxed) }
    func received(_ bytes: Int) { received.wrappingAdd(bytes, ordering: .relaxed) }
    func sent(_ bytes: Int) { sent.wrappingAdd(bytes, ordering: .relaxed) }
    func cut(_ cut: PaceRule.Cut) { cuts[cut]?.number.wrappingAdd(1, ordering: .relaxed) }

    /// How many were cut for one reason.
    func count(of cut: PaceRule.Cut) -> Int { cuts[cut]?.number.load(ordering: .relaxed) ?? 0 }

    /// Brings the metrics up to now.
    func publish(to factory: any MetricsFactory) {
        published.withLock { published in
            func count(_ label: String, _ now: Int, _ dimensions: [(String, String)] = []) {
                let key = label + (dimensions.first?.1 ?? "")
                Counter(label: label, dimensions: dimensions, factory: factory)
                    .increment(by: now - published[key, default: 0])
                published[key] = now
            }
            count("quay_http_connections_total", opened.load(ordering: .relaxed))
            count("quay_http_received_bytes_total", received.load(ordering: .relaxed))
            count("quay_http_sent_bytes_total", sent.load(ordering: .relaxed))
            for cut in PaceRule.Cut.allCases {
                count("quay_http_connections_cut_total", self.count(of: cut), [("reason", cut.rawValue)])
            }
            Gauge(label: "quay_http_connections_open", factory: factory).record(openConnections)
        }
    }
}
