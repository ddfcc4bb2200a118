/// Why a build failed, in the words of the build protocol. The raw value is the wire's error code.
///
/// Source: Quay 6.11.
package enum BuildFailureCode: String, Sendable, Hashable, CaseIterable {
    case buildPackIssue = "io.quay.builder.buildpackissue"
    case gitFailure = "io.quay.builder.gitfailure"
    case gitCheckout = "io.quay.builder.gitcheckout"
    case cannotExtractBuildPack = "io.quay.builder.cannotextractbuildpack"
    case cannotPullForCache = "io.quay.builder.cannotpullforcache"
    case dockerfileIssue = "io.quay.builder.dockerfileissue"
    case cannotPullBaseImage = "io.quay.builder.cannotpullbaseimage"
    case internalError = "io.quay.builder.internalerror"
    case buildRunError = "io.quay.builder.buildrunerror"
    case buildError = "io.quay.builder.builderror"
    case tagIssue = "io.quay.builder.tagissue"
    case pushIssue = "io.quay.builder.pushissue"
    case runtimeUnreachable = "io.quay.builder.dockerconnecterror"
    case missingOrInvalidArgument = "io.quay.builder.missingorinvalidargument"
    case cacheLookupIssue = "io.quay.builder.cachelookupissue"
    case phaseTransition = "io.quay.builder.errorduringphasetransition"
    case clientRejectedTransition = "io.quay.builder.clientrejectedtransition"

    /// The sentence that the build's owner reads; without a full stop, so that the cause can follow.
    package var publicText: String {
        switch self {
        case .buildPackIssue: "Could not load the build package"
        case .gitFailure: "Could not clone the git repository"
        case .gitCheckout: "Could not check out the git commit; it may have been removed by a force push"
        case .cannotExtractBuildPack: "Could not extract the build package"
        case .cannotPullForCache: "Could not pull the cached image"
        case .dockerfileIssue: "Could not find or parse Dockerfile"
        case .cannotPullBaseImage: "Could not pull the base image"
        case .internalError: "The build system had an internal error"
        case .buildRunError: "Could not start the build"
        case .buildError: "A build step failed"
        case .tagIssue: "Could not tag the built image"
        case .pushIssue: "Could not push the built image"
        case .runtimeUnreachable: "Could not reach the container runtime"
        case .missingOrInvalidArgument: "The builder lacks an argument or has a wrong one"
        case .cacheLookupIssue: "Could not look up the cached image"
        case .phaseTransition: "Could not report the build's progress"
        case .clientRejectedTransition: "The build was cancelled"
        }
    }

    /// The fault is the build system's, not the build's: trying again may help.
    package var isInternal: Bool {
        switch self {
        case .internalError, .buildRunError, .runtimeUnreachable, .missingOrInvalidArgument, .cacheLookupIssue,
            .phaseTransition:
            true
        case .buildPackIssue, .gitFailure, .gitCheckout, .cannotExtractBuildPack, .cannotPullForCache,
            .dockerfileIssue, .cannotPullBaseImage, .buildError, .tagIssue, .pushIssue, .clientRejectedTransition:
            false
        }
    }
}

/// One failure: its code, and what the failing tool said.
package struct BuildFailure: Error, Sendable, Hashable, CustomStringConvertible {
    package let code: BuildFailureCode
    /// Nil when the code says it all. Holds no secret.
    package let cause: String?

    package init(_ code: BuildFailureCode, _ cause: String? = nil) {
        self.code = code
        self.cause = cause.flatMap { $0.isEmpty ? nil : $0 }
    }

    /// What stands in the build's log: the public text, then the cause.
    package var message: String { cause.map { "\(code.publicText): \($0)" } ?? code.publicText }
    package var description: String { message }
}
