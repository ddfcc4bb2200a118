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
        for target in try targets() { try await runtime.push(imageID, to: target, log: log) }
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

    private func targets() throws -> [ImageReference] {
        do {
            return try pack.tags.map { tag throws(ImageReference.Malformed) in
                try ImageReference(
                    registry: pack.registry.host, path: pack.registry.repository.text, tag: tag.text)
            }
        } catch { throw BuildFailure(.tagIssue, error.message) }
    }
}
