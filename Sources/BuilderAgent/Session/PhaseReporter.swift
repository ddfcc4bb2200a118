import BuildProtocol
import Domain
import Logging
import OCI

/// Reports phases in order, each with the next sequence number from 1.
actor PhaseReporter {
    private let manager: ManagerConnection
    private let jobToken: BuildSecret
    private let logger: Logger
    private var sequence: Int32 = 0

    init(manager: ManagerConnection, jobToken: BuildSecret, logger: Logger) {
        self.manager = manager
        self.jobToken = jobToken
        self.logger = logger
    }

    /// Throws ``ManagerConnection/Rejected`` when the build is to stop.
    func report(_ phase: BuildPhase, pulling image: ImageReference? = nil, as username: String? = nil) async throws {
        guard let wirePhase = BuildmanPb_Phase(phase) else {
            throw BuildFailure(.internalError, "An agent can't report the phase \(phase).")
        }
        sequence += 1
        var request = BuildmanPb_SetPhaseRequest(jobToken: jobToken, number: sequence, phase: wirePhase)
        if let image {
            request.pullMetadata.registryURL = image.registry
            request.pullMetadata.baseImage = image.path
            request.pullMetadata.baseImageTag = image.digest?.text ?? image.tagOrLatest
            request.pullMetadata.pullUsername = username ?? ""
        }
        logger.info("phase", metadata: ["phase": "\(phase.rawValue)"])
        try await manager.setPhase(request)
    }
}
