import BuildProtocol
import Domain
import RegistryCore

/// One SetPhase call: refused once the attempt has ended, else stored before it is answered. Source: Quay 6.7.
struct PhaseCall: Sendable {
    let supervisor: JobSupervisor
    let tokens: JobTokens

    func perform(_ request: BuildmanPb_SetPhaseRequest) async throws -> Bool {
        let key = try await tokens.read(request.jobJwt, as: .job)
        guard let phase = BuildPhase(wire: request.phase) else { return false }
        return try await supervisor.report(phase, facts: Self.facts(request.pullMetadata), of: key)
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
