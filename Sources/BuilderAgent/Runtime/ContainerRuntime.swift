import Domain
import OCI

/// What builds and pushes images: buildah, podman or docker.
///
/// Call order: ``check()`` once, then pulls, one build, pushes; ``cleanUp()`` last, whatever happened, also after a
/// cancellation. Methods throw ``BuildFailure`` with the code of their step, or `CancellationError` once everything that
/// they started has ended.
protocol ContainerRuntime: Sendable {
    /// Throws unless the runtime is there and works.
    func check() async throws

    /// Fetches `image` into this build's storage.
    func pull(_ image: ImageReference, log: BuildOutput) async throws

    /// Builds the last stage of a Dockerfile and answers the image's id.
    func build(_ order: BuildOrder, log: BuildOutput) async throws -> String

    /// Sends the image with this id to the registry under one tag; answers the digest that its manifest has there.
    func push(_ imageID: String, to target: ImageReference, log: BuildOutput) async throws -> Digest

    /// Removes everything that this build left in the runtime.
    func cleanUp() async
}

/// One build, as a container runtime needs to know it.
struct BuildOrder: Sendable, Hashable {
    /// Absolute paths.
    let context: String
    let dockerfile: String
    let arguments: [String: String]
}

/// Where the lines of a build go.
struct BuildOutput: Sendable {
    /// Takes one line without its end; waits while the log is full.
    let write: @Sendable (String) async -> Void
}

/// Which program builds. Source: contract, CONTAINER_RUNTIME.
enum RuntimeKind: String, Sendable, Hashable, CaseIterable {
    case buildah, podman, docker
}
