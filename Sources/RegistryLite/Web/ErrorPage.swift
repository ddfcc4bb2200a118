import Domain
import HTTPTypes
import Hummingbird

/// The page that stands for an error: what happened, and what to do now.
struct ErrorPage: Sendable, Hashable {
    let status: Int
    let heading: String
    let explanation: String
    /// Offers the sign-in page, because nobody is signed in and that may be why.
    let offersSignIn: Bool
    /// What an administrator finds the request by; only for failures of ours.
    let requestID: String?

    /// - Parameter isSignedIn: a stranger who may not see something is sent to sign in, and learns nothing else: a page
    ///   that is missing and one that is hidden look the same to them.
    init(_ error: any Error, isSignedIn: Bool, requestID: String) {
        let kind = (error as? RegistryError)?.kind
        let status = kind.map(Self.status) ?? (error as? any HTTPResponseError)?.status.code ?? 500
        self.init(status: status, isSignedIn: isSignedIn, requestID: requestID)
    }

    init(status: Int, isSignedIn: Bool, requestID: String) {
        self.status = status
        offersSignIn = !isSignedIn && [401, 403, 404].contains(status)
        self.requestID = status >= 500 ? requestID : nil
        switch status {
        case 400:
            heading = "That address is not right"
            explanation = "Part of it is malformed. Check it for typing errors, or start from the list of repositories."
        case 401, 403:
            heading = "You can’t see this page"
            explanation =
                isSignedIn
                ? "Either it doesn’t exist or your account has no right to it. Whoever administers the repository can grant you access."
                : "Either it doesn’t exist or it isn’t public. Sign in if you have access."
        case 404:
            heading = "There is nothing here"
            explanation = "The page you asked for doesn’t exist, or it has been deleted."
        case 405:
            heading = "That can’t be done here"
            explanation = "This page can only be read."
        case 413:
            heading = "That is too much"
            explanation = "What was sent is larger than this page takes."
        case 429:
            heading = "Too many attempts"
            explanation = "Wait a moment, then try again."
        case 503:
            heading = "The registry is busy"
            explanation = "It can’t answer right now. Try again in a moment; running builds are not affected."
        default:
            heading = "Something broke on our side"
            explanation = "It has been logged. Try again, or tell an administrator the number below."
        }
    }

    /// The HTTP status of an error of the core.
    static func status(_ kind: RegistryError.Kind) -> Int {
        switch kind {
        case .unauthenticated, .badCredentials, .expiredToken, .freshLoginRequired: 401
        case .forbidden, .denied, .readOnly: 403
        case .notFound, .nameUnknown, .manifestUnknown, .blobUnknown: 404
        case .invalidRequest, .nameInvalid, .tagInvalid, .digestInvalid: 400
        case .throttled: 429
        case .unavailable, .storageFull: 503
        default: 500
        }
    }
}
