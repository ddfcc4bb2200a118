/// What went wrong in a use case: a kind that each edge renders in its own words, and a sentence for a person.
package struct RegistryError: Error, Sendable, CustomStringConvertible {
    /// A struct of static members, so that a new kind breaks no `switch`.
    package struct Kind: Sendable, Hashable, CustomStringConvertible {
        package let name: String
        package init(_ name: StaticString) { self.name = name.description }
        package var description: String { name }
    }

    package let kind: Kind
    /// A sentence for a person; never holds a secret.
    package let message: String
    /// Extra keys for a client, such as the digest that is unknown.
    package let details: [String: String]
    package let cause: (any Error)?

    package init(_ kind: Kind, _ message: String, details: [String: String] = [:], cause: (any Error)? = nil) {
        self.kind = kind
        self.message = message
        self.details = details
        self.cause = cause
    }

    package var description: String {
        cause.map { "\(kind): \(message) (\($0))" } ?? "\(kind): \(message)"
    }
}

extension RegistryError.Kind {
    /// Nobody is signed in, and somebody must be.
    package static let unauthenticated = Self("unauthenticated")
    /// The credential that came along is wrong.
    package static let badCredentials = Self("bad_credentials")
    package static let expiredToken = Self("expired_token")
    package static let freshLoginRequired = Self("fresh_login_required")
    /// The caller is known and may not.
    package static let forbidden = Self("forbidden")
    package static let notFound = Self("not_found")
    package static let invalidRequest = Self("invalid_request")
    /// The name is taken, or the thing is in a state that forbids the change.
    package static let conflict = Self("conflict")
    /// Too often or too many; `details["retry_after"]` holds seconds when known.
    package static let throttled = Self("throttled")
    package static let tooLarge = Self("too_large")
    /// The repository or the registry takes no writes now.
    package static let readOnly = Self("read_only")
    package static let unavailable = Self("unavailable")
    package static let storageFull = Self("storage_full")
    package static let internalError = Self("internal_error")

    package static let nameInvalid = Self("name_invalid")
    package static let nameUnknown = Self("name_unknown")
    package static let tagInvalid = Self("tag_invalid")
    package static let tagExpired = Self("tag_expired")
    /// The tag is protected: it can't be moved, deleted or let expire.
    package static let tagImmutable = Self("tag_immutable")
    package static let digestInvalid = Self("digest_invalid")
    package static let sizeInvalid = Self("size_invalid")
    package static let blobUnknown = Self("blob_unknown")
    package static let blobUploadUnknown = Self("blob_upload_unknown")
    package static let blobUploadInvalid = Self("blob_upload_invalid")
    package static let rangeInvalid = Self("range_invalid")
    package static let manifestUnknown = Self("manifest_unknown")
    package static let manifestInvalid = Self("manifest_invalid")
    package static let manifestBlobUnknown = Self("manifest_blob_unknown")
    package static let unsupported = Self("unsupported")
    /// More was asked for in one address than an address may hold.
    package static let addressTooLong = Self("address_too_long")
    package static let denied = Self("denied")
}
