import Domain
import Foundation
import Logging
import OCI

/// The work of one build, from its source to its pushed tags, with the phases on the way. Source: Quay 13.2.
struct BuildJob: Sendable {
    let pack: BuildPack
    let phases: PhaseReporter
    let runtime: any ContainerRuntime
    let fetch: SourceFetch
    let workspace: BuildWorkspace
    let environment: [String: String]
    let log: BuildOutput

    /// Ends with every tag pushed. Throws ``BuildFailure``, ``ManagerConnection/Rejected`` or `CancellationError`.
    func run() async throws {
        try await runtime.check()
        try await phases.report(.unpacking)
        let found = try await fetch.perform(pack, in: workspace, environment: environment, log: log)
        let images = try bases(found.text)
        if let first = images.first {
            try await phases.report(.pulling, pulling: first, as: login(for: first))
            for image in images { try await runtime.pull(image, log: log) }
        }
        try await phases.report(.building)
        let order = BuildOrder(
            context: found.context.path, dockerfile: found.dockerfile.path, arguments: pack.buildArguments)
        let imageID = try await runtime.build(order, log: log)
        try await phases.report(.pushing)
        try await push(imageID)
    }

    /// Every tag or none, where the registry knows how: the image first, where nobody sees it, then one request.
    private func push(_ imageID: String) async throws {
        guard let staging = pack.stagingTag, pack.tags.count > 1 else {
            for tag in pack.tags { _ = try await runtime.push(imageID, to: try target(tag), log: log) }
            return
        }
        let digest = try await runtime.push(imageID, to: try target(staging), log: log)
        try await TagMover(registry: pack.registry).move(pack.tags, to: digest)
    }

    private func bases(_ text: String) throws -> [ImageReference] {
        do { return try BaseImages(Dockerfile(text), arguments: pack.buildArguments).external } catch {
            throw BuildFailure(.dockerfileIssue, error.description)
        }
    }

    private func login(for image: ImageReference) -> String? {
        let settings = RuntimeFiles.Settings(
            registry: pack.registry, baseImageLogins: pack.baseImageLogins, isInsecure: false)
        return RuntimeFiles.pullLogins(settings).first { $0.registry == image.registry }?.username
    }

    private func target(_ tag: TagName) throws -> ImageReference {
        do {
            return try ImageReference(
                registry: pack.registry.host, path: pack.registry.repository.text, tag: tag.text)
        } catch { throw BuildFailure(.tagIssue, error.message) }
    }
}
