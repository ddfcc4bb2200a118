import Logging
import Runtime

/// How many builds may be live at once: ALLOWED_WORKER_COUNT, less the builders that executors keep for a person to look
/// at (DEBUG). Every change is said in the log, once.
actor Capacity {
    /// An executor that doesn't answer in time keeps as many as it did last.
    private static let patience: Duration = .seconds(1)

    private let allowed: Int
    private let executors: [any Executor]
    private let clock: WallClock
    private let metrics: BuildMetrics
    private let logger: Logger
    private var kept: [String: Int] = [:]
    /// Executors that are being asked, maybe for long.
    private var asked: Set<String> = []
    private var said: Int?

    /// - Parameter allowed: ALLOWED_WORKER_COUNT; 0: nothing is started.
    init(allowed: Int, executors: [any Executor], clock: WallClock, metrics: BuildMetrics, logger: Logger) {
        self.allowed = allowed
        self.executors = executors
        self.clock = clock
        self.metrics = metrics
        self.logger = logger
    }

    /// The capacity now, 0 or more.
    func current() async -> Int {
        await withTaskGroup(of: Void.self) { group in
            for executor in executors where !asked.contains(executor.name) {
                asked.insert(executor.name)
                group.addTask { await self.ask(executor) }
            }
        }
        let total = kept.values.reduce(0, +)
        let capacity = max(0, allowed - total)
        metrics.capacity(capacity)
        if capacity != said { say(capacity, kept: total) }
        said = capacity
        return capacity
    }

    private func ask(_ executor: any Executor) async {
        let answer = await TimeLimit.run(
            Self.patience, clock: clock, late: { await self.note($0, of: executor) }
        ) { await executor.keptBuilders() }
        switch answer {
        case .success(let count): note(count, of: executor)
        case .failure, nil: break
        }
    }

    private func note(_ count: Int, of executor: any Executor) {
        asked.remove(executor.name)
        kept[executor.name] = count
        metrics.kept(count, by: executor.name)
    }

    private func say(_ capacity: Int, kept total: Int) {
        if allowed == 0 {
            logger.notice("no builds are started: ALLOWED_WORKER_COUNT is 0")
        } else if capacity == 0 {
            logger.warning(
                "no builds are started: kept builders (DEBUG) hold every place", metadata: words(capacity, total))
        } else if total > 0 || said != nil {
            logger.notice("the capacity has changed", metadata: words(capacity, total))
        }
    }

    private func words(_ capacity: Int, _ total: Int) -> Logger.Metadata {
        let keepers = kept.filter { $0.value > 0 }.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }
        return [
            "capacity": "\(capacity)", "allowed": "\(allowed)", "kept": "\(total)",
            "kept_by": "\(keepers.isEmpty ? "-" : keepers.joined(separator: ", "))",
        ]
    }
}
