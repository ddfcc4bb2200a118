package import CoreMetrics
import Synchronization

/// The back end of swift-metrics: keeps every series in memory and prints them for Prometheus.
///
/// Counters, gauges (meters, and recorders that don't aggregate) and histograms (timers, in seconds, and recorders that
/// do). The first use of a name decides its kind: a later use as another kind counts, but is not printed. Beyond
/// `maximumSeries` new series are not kept either, so that a label with values from strangers can't fill the memory;
/// `telemetry_dropped_series_total` counts both.
package final class PrometheusRegistry: MetricsFactory, Sendable {
    /// Seconds, from a millisecond to ten minutes.
    package static let defaultBuckets: [Double] = [
        0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600,
    ]

    private enum Cell {
        case counter(CounterCell)
        case gauge(GaugeCell)
        case histogram(HistogramCell)
    }

    private enum Kind: String { case counter, gauge, histogram }

    /// A series as a caller names it, before its words are made fit for printing.
    private struct Use: Hashable {
        let kind: Kind
        let label: String
        let dimensions: [String]
    }

    private struct Family {
        let kind: Kind
        /// By the printed labels, which name a series.
        var series: [String: (labels: [(String, String)], cell: Cell)] = [:]
    }

    private struct State {
        var families: [String: Family] = [:]
        /// The cells of what was asked for before: those who count make a handler for each event.
        var known: [Use: Cell] = [:]
        var seriesCount = 0
        var dropped = 0
    }

    private let help: [String: String]
    private let buckets: [String: [Double]]
    private let maximumSeries: Int
    private let state = Mutex(State())

    /// `help` and `buckets` are by metric name; the latter in rising order, for histograms that the default doesn't suit.
    package init(help: [String: String] = [:], buckets: [String: [Double]] = [:], maximumSeries: Int = 10_000) {
        self.help = help
        self.buckets = buckets
        self.maximumSeries = maximumSeries
    }

    package func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        counter(label, dimensions)
    }

    package func makeFloatingPointCounter(
        label: String, dimensions: [(String, String)]
    ) -> any FloatingPointCounterHandler { counter(label, dimensions) }

    package func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        gauge(label, dimensions)
    }

    package func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        if aggregate { histogram(label, dimensions) } else { gauge(label, dimensions) }
    }

    package func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        histogram(label, dimensions)
    }

    package func destroyCounter(_ handler: any CounterHandler) { remove(handler) }
    package func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) { remove(handler) }
    package func destroyMeter(_ handler: any MeterHandler) { remove(handler) }
    package func destroyRecorder(_ handler: any RecorderHandler) { remove(handler) }
    package func destroyTimer(_ handler: any TimerHandler) { remove(handler) }

    /// Everything in the text format 0.0.4, names and series in alphabetical order.
    package func text() -> String {
        let (families, dropped) = state.withLock { ($0.families, $0.dropped) }
        var lines: [String] = []
        for (name, family) in families.sorted(by: { $0.key < $1.key }) where !family.series.isEmpty {
            if let help = help[name] { lines.append("# HELP \(name) \(PrometheusText.escaped(help, quote: false))") }
            lines.append("# TYPE \(name) \(family.kind.rawValue)")
            for (_, series) in family.series.sorted(by: { $0.key < $1.key }) {
                lines += Self.lines(name, series.labels, series.cell)
            }
        }
        if dropped > 0 {
            lines += ["# TYPE telemetry_dropped_series_total counter", "telemetry_dropped_series_total \(dropped)"]
        }
        return lines.isEmpty ? "" : lines.joined(separator: "\n") + "\n"
    }

    private static func lines(_ name: String, _ labels: [(String, String)], _ cell: Cell) -> [String] {
        switch cell {
        case .counter(let cell):
            return ["\(name)\(PrometheusText.labels(labels)) \(PrometheusText.number(cell.current))"]
        case .gauge(let cell): return ["\(name)\(PrometheusText.labels(labels)) \(PrometheusText.number(cell.current))"]
        case .histogram(let cell):
            let current = cell.current
            var total: UInt64 = 0
            var lines = zip(cell.bounds + [.infinity], current.counts).map { bound, count in
                total += count
                let labels = PrometheusText.labels(labels + [("le", PrometheusText.number(bound))])
                return "\(name)_bucket\(labels) \(total)"
            }
            lines.append("\(name)_sum\(PrometheusText.labels(labels)) \(PrometheusText.number(current.sum))")
            lines.append("\(name)_count\(PrometheusText.labels(labels)) \(total)")
            return lines
        }
    }

    private func counter(_ label: String, _ dimensions: [(String, String)]) -> CounterCell {
        if case .counter(let cell) = cell(label, dimensions, .counter, { _ in .counter(CounterCell()) }) { return cell }
        return CounterCell()
    }

    private func gauge(_ label: String, _ dimensions: [(String, String)]) -> GaugeCell {
        if case .gauge(let cell) = cell(label, dimensions, .gauge, { _ in .gauge(GaugeCell()) }) { return cell }
        return GaugeCell()
    }

    private func histogram(_ label: String, _ dimensions: [(String, String)]) -> HistogramCell {
        let made = cell(label, dimensions, .histogram) { name in
            .histogram(HistogramCell(bounds: self.buckets[name] ?? Self.defaultBuckets))
        }
        if case .histogram(let cell) = made { return cell }
        return HistogramCell(bounds: [])
    }

    /// The cell of a series, made at its first use; nil where it may not be kept.
    private func cell(
        _ label: String, _ dimensions: [(String, String)], _ kind: Kind, _ make: (String) -> Cell
    ) -> Cell? {
        let use = Use(kind: kind, label: label, dimensions: dimensions.flatMap { [$0, $1] })
        if let cell = state.withLock({ $0.known[use] }) { return cell }
        guard let cell = namedCell(label, dimensions, kind, make) else { return nil }
        state.withLock { if $0.known.count < maximumSeries { $0.known[use] = cell } }
        return cell
    }

    private func namedCell(
        _ label: String, _ dimensions: [(String, String)], _ kind: Kind, _ make: (String) -> Cell
    ) -> Cell? {
        let name = PrometheusText.metricName(label)
        // `le` is the histogram's own; sorted, so that the order of labels makes no new series.
        let labels = dimensions.map { (PrometheusText.labelName($0), $1) }
            .map { ($0 == "le" ? "_le" : $0, $1) }.sorted { $0.0 < $1.0 }
        let key = PrometheusText.labels(labels)
        return state.withLock { state in
            var family = state.families[name] ?? Family(kind: kind)
            if family.kind == kind, let series = family.series[key] { return series.cell }
            guard family.kind == kind, state.seriesCount < maximumSeries else {
                state.dropped += 1
                return nil
            }
            let cell = make(name)
            family.series[key] = (labels, cell)
            state.families[name] = family
            state.seriesCount += 1
            return cell
        }
    }

    private func remove(_ handler: AnyObject) {
        state.withLock { state in
            state.known = [:]
            for (name, family) in state.families {
                for (key, series) in family.series where Self.object(series.cell) === handler {
                    state.families[name]?.series[key] = nil
                    state.seriesCount -= 1
                }
            }
        }
    }

    private static func object(_ cell: Cell) -> AnyObject {
        switch cell {
        case .counter(let cell): cell
        case .gauge(let cell): cell
        case .histogram(let cell): cell
        }
    }
}
