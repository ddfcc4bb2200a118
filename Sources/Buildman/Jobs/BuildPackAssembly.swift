import Domain
import Foundation
import RegistryCore
import Runtime
import Secrets

/// Puts together what a builder that has registered needs to know.
struct BuildPackAssembly: Sendable {
    /// What is the same for every build.
    struct Settings: Sendable {
        /// Builders speak to the registry without TLS.
        var isRegistryInsecure: Bool
        /// Private networks that archive addresses may reach (WEBHOOK_ALLOWED_PRIVATE_NETWORKS).
        var allowedPrivateNetworks: [String]
    }

    /// The build names no source that a builder could fetch.
    struct NoSource: Error, CustomStringConvertible {
        let description: String
    }

    let files: UserFileURLs
    let tokens: JobTokens
    let settings: Settings
    let clock: WallClock

    func pack(for job: BuildRegistration.Job) async throws -> BuildPack {
        let config = job.build.config
        let location = try DockerfileLocation(
            storedDockerfile: config.dockerfilePath, storedContext: config.context
        ).forBuilder
        let token = BuildSecret(job.token.text)
        return BuildPack(
            jobToken: BuildSecret(try await tokens.issue(.job, for: job.attempt.key, until: job.attempt.deadline)),
            buildID: job.build.uuid, attempt: job.attempt.key.attempt,
            source: .package(try package(of: job)), context: location.context, dockerfilePath: location.dockerfile,
            registry: BuildRegistry(
                host: config.registry, repository: job.repository.name, isInsecure: settings.isRegistryInsecure,
                pullToken: token, pushToken: token),
            tags: try config.dockerTags.map { try TagName($0) },
            stagingTag: try TagName(StagingTag.name(for: job.attempt.key)),
            baseImageLogins: job.pullRobot.map {
                [
                    RegistryLogin(
                        registry: config.registry, username: $0.robot.name.text, password: BuildSecret($0.token.text))
                ]
            } ?? [])
    }

    private func package(of job: BuildRegistration.Job) throws -> BuildPackage {
        if let url = job.build.config.archiveURL {
            return BuildPackage(
                url: url, isTrusted: false, allowedPrivateNetworks: settings.allowedPrivateNetworks)
        }
        guard let file = job.build.resourceKey else {
            throw NoSource(description: "The build \(job.build.uuid) has neither an upload nor an archive address.")
        }
        // As long as the attempt: a builder may wait for its place in a slow network.
        let lifetime = max(60, job.attempt.deadline.timeIntervalSince(clock.now))
        let base = "\(settings.isRegistryInsecure ? "http" : "https")://\(job.build.config.registry)"
        return BuildPackage(
            url: try files.url(.read, file: file, base: base, lifetime: lifetime), isTrusted: true)
    }
}
