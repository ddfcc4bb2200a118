import Glibc

/// What a location said no to, in words that every kind of storage shares.
package struct ObjectStorageError: Error, Sendable, CustomStringConvertible {
    package enum Kind: Sendable, Hashable {
        /// There is no such object or upload.
        case notFound
        /// Another request is appending to the upload, or ending it.
        case busy
        /// The upload holds fewer bytes than the caller believes.
        case tooShort
        /// No space, or no quota, is left.
        case full
        /// The location holds somebody else's files.
        case foreign
        /// The service can't be reached, or is overloaded: the same may well succeed later.
        case unavailable
        /// The disk or the service failed.
        case failed
    }

    package let kind: Kind
    package let message: String

    package init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }

    package var description: String { message }

    /// The reason of a system call that just failed.
    static func system(_ doing: String, code: Int32 = errno) -> ObjectStorageError {
        let kind: Kind =
            switch code {
            case ENOSPC, EDQUOT, EFBIG: .full
            case ENOENT: .notFound
            case EWOULDBLOCK: .busy
            default: .failed
            }
        return ObjectStorageError(kind, "\(doing): \(String(cString: strerror(code)))")
    }
}
