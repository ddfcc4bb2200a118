import Domain
import Foundation
import Logging
import Runtime
import Synchronization
import Telemetry
import Testing

@testable import Buildman

@Suite("Capacity", .timeLimit(.minutes(1))) struct CapacityTests {
    /// The lines that a capacity has written.
    private final class Lines: Sendable {
        private let kept = Mutex<[String]>([])
        var all: [String] { kept.withLock { $0 } }

        var logger: Logger {
            var logger = Logger(label: "test") { [self] label in
                LogFormat.text.handler(label: label, level: .info, clock: .system) { line in
                    self.kept.withLock { $0.append(line) }
                }
            }
            logger.logLevel = .info
            return logger
        }
    }

    private static func capacity(
        _ allowed: Int, _ executors: [any Executor], _ lines: Lines, _ registry: PrometheusRegistry = .init()
    ) -> Capacity {
        Capacity(
            allowed: allowed, executors: executors, clock: .system, metrics: BuildMetrics(factory: registry),
            logger: lines.logger)
    }

    @Test("kept builders hold places, and each change is said once") func kept() async throws {
        let (first, second, lines) = (ScriptedExecutor("first"), ScriptedExecutor("second"), Lines())
        let registry = PrometheusRegistry()
        let capacity = Self.capacity(3, [first, second], lines, registry)
        #expect(await capacity.current() == 3)
        #expect(lines.all.isEmpty)
        await first.keep(1)
        for _ in 0..<3 { #expect(await capacity.current() == 2) }
        #expect(lines.all.count == 1)
        #expect(lines.all.first?.contains("kept_by=first: 1") == true || lines.all.first?.contains("first: 1") == true)
        await second.keep(4)
        #expect(await capacity.current() == 0)
        #expect(lines.all.last?.contains("hold every place") == true)
        for line in [
            #"quay_build_kept{executor="first"} 1"#, #"quay_build_kept{executor="second"} 4"#, "quay_build_capacity 0",
        ] { #expect(registry.text().contains(line + "\n"), "\(registry.text())") }
        await second.keep(0)
        await first.keep(0)
        #expect(await capacity.current() == 3)
        #expect(lines.all.count == 3)
    }

    @Test("ALLOWED_WORKER_COUNT 0 says why nothing starts") func none() async throws {
        let lines = Lines()
        let capacity = Self.capacity(0, [ScriptedExecutor()], lines)
        #expect(await capacity.current() == 0)
        #expect(await capacity.current() == 0)
        #expect(lines.all.count == 1)
        #expect(lines.all.first?.contains("ALLOWED_WORKER_COUNT is 0") == true)
    }

    @Test("an executor that doesn't answer keeps as many as it did last, and is not asked again meanwhile")
    func silent() async throws {
        let (slow, gate) = (SlowKeeper(), Gate())
        let capacity = Self.capacity(5, [slow], Lines())
        #expect(await capacity.current() == 3)
        await slow.hang(until: gate)
        #expect(await capacity.current() == 3)
        for _ in 0..<3 { #expect(await capacity.current() == 3) }
        #expect(await slow.questions == 2)
        await gate.open()
        while await capacity.current() != 4 { await Task.yield() }
    }
}

/// Keeps two builders, and takes its time to say so; one after that.
private actor SlowKeeper: Executor {
    nonisolated let profile = ExecutorProfile(name: "slow", server: "127.0.0.1:1", stopsWithManager: false)
    nonisolated let ends = AsyncStream<BuilderEnd> { _ in }
    private var gate: Gate?
    private(set) var questions = 0

    func hang(until gate: Gate) { self.gate = gate }
    func start(_ launch: BuilderLaunch) throws -> String { throw ExecutorFailure("never") }
    func stop(_ key: JobKey) {}
    func reap(keeping live: LiveAttempts) {}
    func keptBuilders() async -> Int {
        questions += 1
        guard let gate else { return 2 }
        await gate.untilOpen()
        return 1
    }
}
