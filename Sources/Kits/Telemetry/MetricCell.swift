import CoreMetrics
import Synchronization

/// One series of a counter.
final class CounterCell: CounterHandler, FloatingPointCounterHandler {
    private let value = Mutex(0.0)

    var current: Double { value.withLock { $0 } }

    func increment(by amount: Int64) { increment(by: Double(amount)) }
    /// A counter never falls: scrapers would take that for a restart.
    func increment(by amount: Double) { if amount > 0 { value.withLock { $0 += amount } } }
    func reset() { value.withLock { $0 = 0 } }
}

/// One series of a gauge: the last value.
final class GaugeCell: MeterHandler, RecorderHandler {
    private let value = Mutex(0.0)

    var current: Double { value.withLock { $0 } }

    func set(_ new: Int64) { set(Double(new)) }
    func set(_ new: Double) { value.withLock { $0 = new } }
    func increment(by amount: Double) { value.withLock { $0 += amount } }
    func decrement(by amount: Double) { value.withLock { $0 -= amount } }

    func record(_ new: Int64) { set(Double(new)) }
    func record(_ new: Double) { set(new) }
}

/// One series of a histogram: how many values were at most each bound.
final class HistogramCell: RecorderHandler, TimerHandler {
    struct State {
        var counts: [UInt64]
        var sum = 0.0
    }

    let bounds: [Double]
    private let state: Mutex<State>

    /// `bounds` in rising order; values beyond the last one count in the last place.
    init(bounds: [Double]) {
        self.bounds = bounds
        self.state = Mutex(State(counts: Array(repeating: 0, count: bounds.count + 1)))
    }

    var current: State { state.withLock { $0 } }

    func record(_ value: Int64) { record(Double(value)) }

    func record(_ value: Double) {
        // One NaN would spoil the sum for ever.
        guard !value.isNaN else { return }
        let place = bounds.firstIndex { value <= $0 } ?? bounds.count
        state.withLock {
            $0.counts[place] += 1
            $0.sum += value
        }
    }

    /// Prometheus' unit is the second.
    func recordNanoseconds(_ duration: Int64) { record(Double(duration) / 1e9) }
}
