import Domain
import Foundation
import Logging
import Runtime
import Telemetry
import Testing

@testable import Buildman

@Suite("Executor roster", .timeLimit(.minutes(1))) struct ExecutorRosterTests {
    typealias Rule = ExecutorSelection.Rule

    /// A roster with a clock that tests move, and metrics of its own.
    private final class Fixture: Sendable {
        let roster: ExecutorRoster
        let registry = PrometheusRegistry()
        let time = Box(Date(timeIntervalSince1970: 1_700_000_000))

        init(_ rules: [(String, Rule)]) {
            let executors = rules.map { ScriptedExecutor($0.0, rule: $0.1, setupTime: .seconds(70)) }
            let time = self.time
            roster = ExecutorRoster(
                executors, policy: .init(failureThreshold: 2, pause: .seconds(5), maximumPause: .seconds(60)),
                clock: WallClock(now: { time.value }, sleep: { try await WallClock.system.sleep(for: $0) }),
                metrics: BuildMetrics(factory: registry), logger: Logger(label: "test"))
        }

        func choose(_ namespace: String = "ns", left: Int = 2, after position: Int? = nil, build: String = "b")
            async throws -> String?
        {
            await roster.choose(
                for: build, namespace: try Username(namespace), retriesRemaining: left, after: position)?.executor.name
        }

        func failTwice(_ executor: String) async {
            for build in ["x", "y"] { await roster.failed(.start, build, on: executor, because: "broken") }
        }

        func line(_ text: String) -> Bool { registry.text().contains(text + "\n") }
    }

    @Test("the guide's example: threshold 1 on the first sends the third launch to the second")
    func guide() async throws {
        let fixture = Fixture([("kubernetes", Rule(minimumRetryThreshold: 1)), ("ec2", Rule())])
        #expect(try await fixture.choose(left: 2) == "kubernetes")
        #expect(try await fixture.choose(left: 1) == "kubernetes")
        #expect(fixture.line(#"quay_build_fallback_total{executor="kubernetes"} 0"#))
        #expect(try await fixture.choose(left: 0) == "ec2")
        #expect(fixture.line(#"quay_build_fallback_total{executor="kubernetes"} 1"#))
        #expect(
            fixture.line(#"quay_build_executor_skipped_total{executor="kubernetes",reason="threshold"} 1"#))
        #expect(fixture.line(#"quay_build_fallback_total{executor="ec2"} 0"#))
    }

    @Test("after a failed start the next in the list is asked, and nobody twice") func next() async throws {
        let fixture = Fixture([("a", Rule()), ("b", Rule(namespaceWhitelist: ["other"])), ("c", Rule())])
        #expect(try await fixture.choose() == "a")
        #expect(try await fixture.choose(after: 0) == "c")
        #expect(try await fixture.choose(after: 2) == nil)
        #expect(fixture.line(#"quay_build_executor_skipped_total{executor="b",reason="namespace"} 1"#))
    }

    @Test("a failing executor is passed over, tried by one build, and back once that has a builder")
    func failover() async throws {
        let fixture = Fixture([("a", Rule()), ("b", Rule())])
        await fixture.failTwice("a")
        #expect(fixture.line(#"quay_build_executor_healthy{executor="a"} 0"#))
        #expect(try await fixture.choose() == "b")
        #expect(fixture.line(#"quay_build_executor_skipped_total{executor="a",reason="unhealthy"} 1"#))
        fixture.time.set(fixture.time.value.addingTimeInterval(5))
        #expect(try await fixture.choose(build: "probe") == "a")
        #expect(try await fixture.choose(build: "other") == "b")
        #expect(fixture.line(#"quay_build_executor_skipped_total{executor="a",reason="probed"} 1"#))
        await fixture.roster.started("probe", on: "a")
        #expect(fixture.line(#"quay_build_executor_healthy{executor="a"} 1"#))
        #expect(try await fixture.choose(build: "third") == "a")
    }

    @Test("builders that never register count against their executor, and one that does makes it well")
    func badImage() async throws {
        let fixture = Fixture([("a", Rule()), ("b", Rule())])
        for build in ["x", "y"] {
            await fixture.roster.started(build, on: "a")
            await fixture.roster.failed(.builder, build, on: "a", because: "it did not register in time")
        }
        #expect(try await fixture.choose() == "b")
        await fixture.roster.registered(on: "a")
        #expect(try await fixture.choose() == "a")
    }

    @Test("while nobody may be asked, nothing is admitted, and the moment of the next try is known")
    func admission() async throws {
        let fixture = Fixture([("a", Rule()), ("b", Rule(namespaceWhitelist: ["ns"]))])
        #expect(await fixture.roster.admission().admits("ns", 0))
        await fixture.failTwice("a")
        let half = await fixture.roster.admission()
        #expect(half.isOpen && half.admits("ns", 2) && !half.admits("other", 2))
        await fixture.failTwice("b")
        let none = await fixture.roster.admission()
        #expect(!none.isOpen && !none.admits("ns", 2) && !none.admits("", 2))
        #expect(none.nextChange == fixture.time.value.addingTimeInterval(5))
        var recoveries = fixture.roster.recoveries.makeAsyncIterator()
        await fixture.roster.registered(on: "b")
        await recoveries.next()
        #expect(await fixture.roster.admission().admits("ns", 2))
    }

    @Test("a threshold that leaves too few launches admits nothing") func thresholds() async throws {
        let fixture = Fixture([("a", Rule(minimumRetryThreshold: 1))])
        let admission = await fixture.roster.admission()
        #expect(admission.admits("ns", 1) && !admission.admits("ns", 0))
        #expect(admission.nextChange == nil)
    }
}
