import CoreMetrics
import Telemetry
import Testing

@Suite("Prometheus metrics") struct PrometheusRegistryTests {
    @Test("counters, gauges and histograms print in the text format 0.0.4")
    func format() {
        let registry = PrometheusRegistry(
            help: ["builds_total": "Builds\nby \\ phase"], buckets: ["wait_seconds": [0.5, 1]])
        Counter(label: "builds_total", dimensions: [("phase", "error"), ("executor", "k8s")], factory: registry)
            .increment(by: 2)
        Counter(label: "builds_total", dimensions: [("executor", "k8s"), ("phase", "error")], factory: registry)
            .increment()
        Meter(label: "queue size", factory: registry).set(2.5)
        let timer = Timer(label: "wait_seconds", factory: registry)
        timer.recordMilliseconds(500)
        timer.recordMilliseconds(501)
        timer.recordSeconds(7)
        #expect(
            registry.text() == """
                # HELP builds_total Builds\\nby \\\\ phase
                # TYPE builds_total counter
                builds_total{executor="k8s",phase="error"} 3
                # TYPE queue_size gauge
                queue_size 2.5
                # TYPE wait_seconds histogram
                wait_seconds_bucket{le="0.5"} 1
                wait_seconds_bucket{le="1"} 2
                wait_seconds_bucket{le="+Inf"} 3
                wait_seconds_sum 8.001
                wait_seconds_count 3

                """)
    }

    @Test(
        "a value of a stranger can't forge a series",
        arguments: [
            ("x\"} 9\nforged{a=\"", #"m{name="x\"} 9\nforged{a=\""} 1"#), ("back\\", #"m{name="back\\"} 1"#),
            ("", #"m{name=""} 1"#),
            ("ü\r", #"m{name="ü "} 1"#),
        ])
    func escaping(_ value: String, _ line: String) {
        let registry = PrometheusRegistry()
        Counter(label: "m", dimensions: [("name", value)], factory: registry).increment()
        #expect(registry.text() == "# TYPE m counter\n\(line)\n")
    }

    @Test(
        "names become legal",
        arguments: [
            ("a.b-c", "x y", "a_b_c{x_y=\"1\"}"), ("9lives", "9", "_9lives{_9=\"1\"}"),
            ("ns:ok", "a:b", "ns:ok{a_b=\"1\"}"),
            ("", "", "_{_=\"1\"}"), ("h", "le", "h{_le=\"1\"}"), ("h", "__name__", "h{label__name__=\"1\"}"),
        ])
    func names(_ metric: String, _ label: String, _ series: String) {
        let registry = PrometheusRegistry()
        Counter(label: metric, dimensions: [(label, "1")], factory: registry).increment()
        #expect(registry.text().hasSuffix("counter\n\(series) 1\n"))
    }

    @Test("a counter never falls, a NaN spoils no histogram, and special numbers have their words")
    func numbers() {
        let registry = PrometheusRegistry(buckets: ["h": [1]])
        registry.makeCounter(label: "c", dimensions: []).increment(by: -5)
        registry.makeRecorder(label: "h", dimensions: [], aggregate: true).record(Double.nan)
        registry.makeRecorder(label: "g", dimensions: [], aggregate: false).record(-Double.infinity)
        let lines = registry.text().split(separator: "\n")
        #expect(lines.contains("c 0") && lines.contains("h_sum 0") && lines.contains("g -Inf"))
    }

    @Test("the first kind of a name stays, and a destroyed series goes")
    func kinds() {
        let registry = PrometheusRegistry()
        let counter = registry.makeCounter(label: "x", dimensions: [])
        counter.increment(by: 1)
        registry.makeMeter(label: "x", dimensions: []).set(7.0)
        #expect(registry.text().contains("x 1\n") && registry.text().contains("telemetry_dropped_series_total 1\n"))
        registry.destroyCounter(counter)
        #expect(!registry.text().contains("x 1"))
        #expect(PrometheusRegistry().text().isEmpty)
    }

    @Test("SEC-Resource exhaustion: labels with values from strangers can't fill the memory")
    func cap() {
        let registry = PrometheusRegistry(maximumSeries: 10)
        for number in 0..<1000 {
            registry.makeCounter(label: "c", dimensions: [("user", "\(number)")]).increment(by: 1)
        }
        #expect(registry.text().split(separator: "\n").count { $0.hasPrefix("c{") } == 10)
        #expect(registry.text().contains("telemetry_dropped_series_total 990\n"))
    }

    @Test("many threads count without loss")
    func threads() async {
        let registry = PrometheusRegistry()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask { for _ in 0..<1000 { Counter(label: "c", factory: registry).increment() } }
            }
        }
        #expect(registry.text() == "# TYPE c counter\nc 8000\n")
    }
}
