package import Domain
import Foundation
import Runtime
import SQL
package import Secrets

/// Hands a job to the builder that registers for it, with credentials that die with the attempt.
package struct BuildRegistration: Sendable {
    /// What a builder needs beside the build itself.
    package struct Job: Sendable {
        package let attempt: BuildAttempt
        package let build: Build
        package let repository: Repository
        /// The password of `$token`: writes the build's tags, and nothing else, while the attempt is live.
        package let token: SecretToken
        /// The pull robot with its token as it is now; nil when there is none, or none any more.
        package let pullRobot: RobotService.Revealed?
        /// The builder has registered before, and not been heard since.
        package let isRepeated: Bool
    }

    package enum Answer: Sendable {
        case job(Job)
        /// There is no such attempt, or it has ended.
        case refused
        /// Somebody registered for an attempt whose builder is at work: the attempt has been ended.
        case stolen(BuildAttempt)
    }

    private let platform: Platform
    private let attempts: BuildAttemptService
    private let tokens: DelegateTokenService

    package init(_ platform: Platform, attempts: BuildAttemptService) {
        self.platform = platform
        self.attempts = attempts
        self.tokens = DelegateTokenService(platform: platform)
    }

    /// Registers the builder of the attempt of that name.
    ///
    /// Credentials are read now, not when the build was requested: a robot that was regenerated since works, one that was
    /// disabled doesn't.
    package func register(_ key: JobKey) async throws -> Answer {
        let draft = try tokens.draft()
        let now = platform.clock.now
        let answer: (answer: Answer, robot: RobotStore.Stored?) = try await platform.database.write { transaction in
            guard let attempt = try BuildAttemptStore.find(key, in: transaction), attempt.isLive,
                let build = try BuildStore.find(id: attempt.buildID, in: transaction),
                let repository = try RepositoryStore.find(id: build.repositoryID, in: transaction)
            else { return (.refused, nil) }
            guard attempt.heartbeatAt == nil else { return (.stolen(attempt), nil) }
            // A registration whose answer got lost comes again: the first answer's token is worth nothing then.
            try DelegateTokenStore.revoke(attemptID: attempt.id, at: now, in: transaction)
            try DelegateTokenService.issue(
                draft, forAttempt: attempt.id, repositoryID: repository.id, tags: build.config.dockerTags,
                in: transaction)
            _ = try BuildAttemptStore.register(attempt.id, at: now, in: transaction)
            return (
                .job(
                    Job(
                        attempt: attempt, build: build, repository: repository, token: draft.token, pullRobot: nil,
                        isRepeated: attempt.registeredAt != nil)),
                try build.pullRobot.flatMap { try RobotStore.find($0, in: transaction) }
            )
        }
        switch answer.answer {
        case .refused: return .refused
        case .stolen(let attempt):
            _ = try await attempts.end(
                attempt, .lost, failure: BuildFailure(.internalError, "A second builder registered for this build."))
            return .stolen(attempt)
        case .job(let job):
            guard let robot = answer.robot, robot.isEnabled else { return .job(job) }
            return .job(
                Job(
                    attempt: job.attempt, build: job.build, repository: job.repository, token: job.token,
                    pullRobot: try reveal(robot), isRepeated: job.isRepeated))
        }
    }

    /// That the build may use the robot was decided when it was requested.
    private func reveal(_ stored: RobotStore.Stored) throws -> RobotService.Revealed {
        let token = try platform.cipher.decrypt(stored.tokenCipher, for: RobotService.field(stored.accountUUID))
        return RobotService.Revealed(robot: stored.robot, token: SecretToken(token))
    }
}
