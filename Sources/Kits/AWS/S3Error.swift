import WebRequests

/// What a bucket's service said no to.
package struct S3Error: Error, Sendable, CustomStringConvertible {
    package enum Kind: Sendable, Hashable {
        /// There is no such object.
        case noSuchKey
        case noSuchBucket
        /// The multipart upload was completed or aborted, or never was.
        case noSuchUpload
        /// A part is missing, or is not the one that was meant.
        case invalidPart
        /// The key, or its signature, or its rights are not good enough.
        case denied
        /// A quota is used up.
        case full
        /// Not now: overloaded, broken, or not reachable.
        case unavailable
        /// Anything else.
        case failed
    }

    package let kind: Kind
    /// A sentence with the service's own words; without secrets.
    package let message: String

    package var description: String { message }

    package init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }

    /// - Parameter body: XML, or nothing, or somebody else's page.
    init(status: Int, body: [UInt8], doing: String) {
        let document = try? XMLTree(body)
        let code = document?.text("Code") ?? ""
        var words = code.isEmpty ? "status \(status)" : "\(code) (\(status))"
        if let text = document?.text("Message"), !text.isEmpty { words += ", “\(text.prefix(300))”" }
        self.init(Self.kind(of: code, status: status), "\(doing): the storage service answered \(words).")
    }

    /// The request got no answer.
    init(_ error: WebError, doing: String) {
        let isAboutUs =
            switch error {
            case .invalidRequest, .refused, .tooLarge, .tooManyRedirects: true
            default: false
            }
        self.init(isAboutUs ? .failed : .unavailable, "\(doing): \(error)")
    }

    private static func kind(of code: String, status: Int) -> Kind {
        switch code {
        case "NoSuchKey": .noSuchKey
        case "NoSuchBucket": .noSuchBucket
        case "NoSuchUpload": .noSuchUpload
        case "InvalidPart", "InvalidPartOrder": .invalidPart
        case "QuotaExceeded", "XMinioStorageFull", "EntityTooLarge", "TooManyBuckets": .full
        case "SlowDown", "InternalError", "ServiceUnavailable", "RequestTimeout", "OperationAborted", "Throttling",
            "ThrottlingException", "RequestLimitExceeded":
            .unavailable
        case "":
            switch status {
            case 404: .noSuchKey
            case 401, 403: .denied
            case 507: .full
            case 408, 429, 500...: .unavailable
            default: .failed
            }
        default: status == 401 || status == 403 ? .denied : status == 429 || status >= 500 ? .unavailable : .failed
        }
    }
}
