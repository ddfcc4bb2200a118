import Domain
import Foundation
import Logging
import RegistryCore
import Runtime
import SQL

/// What is only known to the database, measured when somebody asks for the metrics.
struct FarmGauges: Sendable {
    /// Who asks gets an answer within that time, also while the database is away.
    private static let patience: Duration = .seconds(3)

    let platform: Platform
    /// The names of the configured executors.
    let executors: [String]
    let metrics: BuildMetrics
    let queues: QueueGauges

    private struct Measure: Sendable {
        let running: [String: Int]
        let oldest: Date?
    }

    /// Sets the gauges; to NaN where the database doesn't answer: an old number would look like a new one.
    func measure() async {
        let (platform, queues) = (self.platform, self.queues)
        let answer = await TimeLimit.run(Self.patience, clock: platform.clock) {
            await queues.measure()
            return try await platform.database.read { transaction in
                Measure(
                    running: try BuildAttemptStore.liveByExecutor(in: transaction),
                    oldest: try WorkQueue.oldestWaiting(of: .dockerfileBuild, in: transaction))
            }
        }
        switch answer {
        case .success(let measure):
            let wait = measure.oldest.map { max(0, platform.clock.now.timeIntervalSince($0)) } ?? 0
            metrics.queue(running: measure.running, oldestWait: wait, executors: executors)
        case .failure(let error):
            platform.logger.error("the running builds can't be counted", metadata: ["error": "\(error)"])
            metrics.queue(running: nil, oldestWait: nil, executors: executors)
        case nil: metrics.queue(running: nil, oldestWait: nil, executors: executors)
        }
    }
}
