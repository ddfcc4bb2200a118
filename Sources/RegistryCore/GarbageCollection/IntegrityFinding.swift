/// Something that `fsck` found wrong, as one line that says what to do.
package struct IntegrityFinding: Sendable, Hashable, CustomStringConvertible {
    /// What kind of thing is wrong. Raw values begin the line.
    package enum Kind: String, Sendable, Hashable, CaseIterable {
        /// A blob's object is not there.
        case missingObject = "missing-object"
        /// A blob's object has another size than its row says.
        case wrongSize = "wrong-size"
        /// A blob's object has other bytes than its digest says.
        case wrongBytes = "wrong-bytes"
        /// A blob that no repository links.
        case unlinkedBlob = "unlinked-blob"
        /// A manifest whose bytes are not those of its digest.
        case wrongManifest = "wrong-manifest"
        /// A manifest whose rows don't say what its bytes say.
        case manifestLinks = "manifest-links"
        /// A blob that a manifest uses and its repository can't read.
        case unreadableBlob = "unreadable-blob"
        /// A tag that points into another repository.
        case strayTag = "stray-tag"
        /// An object that no row names.
        case orphanObject = "orphan-object"
        /// An uploaded file of a build whose object is not there.
        case missingFile = "missing-file"
        /// The archived log of a build whose object is not there.
        case missingLog = "missing-log"
    }

    package let kind: Kind
    /// What is wrong, where: `blob sha256:… (owner/app)`.
    package let subject: String
    package let advice: String

    package var description: String { "\(kind.rawValue): \(subject): \(advice)" }
}
