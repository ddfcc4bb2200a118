import BuildProtocol
import Domain
import RegistryCore

/// One SetPhase call: stored before it is answered, and refused once the attempt has ended otherwise. Source: Quay 6.7.
struct PhaseCall: Sendable {
    let supervisor: JobSupervisor
    let tokens: JobTokens
    let attempts: BuildAttemptService

    func perform(_ request: BuildmanPb_SetPhaseRequest) async throws -> Bool {
        let key = try await tokens.read(request.jobJwt, as: .job)
        guard let phase = BuildPhase(wire: request.phase) else { return false }
        if try await supervisor.report(phase, facts: Self.facts(request.pullMetadata), of: key) { return true }
        // The answer to the report that ended the attempt may have got lost: the same report is accepted again.
        return switch (phase, try await attempts.outcome(of: key)) {
        case (.complete, .complete), (.error, .error): true
        default: false
        }
    }

    /// What a builder tells about the base image, under the names of the wire; empty for every other phase.
    private static func facts(_ metadata: BuildmanPb_SetPhaseRequest.PullMetadata) -> [String: String] {
        guard !metadata.baseImage.isEmpty else { return [:] }
        return [
            "registry_url": metadata.registryURL, "base_image": metadata.baseImage,
            "base_image_tag": metadata.baseImageTag, "pull_username": metadata.pullUsername,
        ].filter { !$0.value.isEmpty }
    }
}
