/// A manifest as it was pushed: its exact bytes, and what they mean.
///
/// Bytes are never written anew: the digest is the digest of what came. Rules against content confusion: the body's
/// `mediaType` equals the declared type, an image has no `manifests`, an index no `layers` and no `config`, a key that
/// differs from a known one only in case is refused (Go's decoder would take it).
/// Source: OCI image spec 1.1, Docker schema 2, CVE-2021-41190.
package struct Manifest: Sendable, Hashable {
    package enum Content: Sendable, Hashable {
        case image(ImageManifest)
        case index(ImageIndex)
    }

    package struct Malformed: Error, Sendable, Hashable, CustomStringConvertible {
        package enum Kind: Sendable, Hashable {
            /// Something is wrong with it.
            case invalid
            /// A manifest of Docker's schema 1, which may be right, but which this registry does not take.
            case schema1
        }

        package let kind: Kind
        package let reason: String
        package var description: String { reason }

        package init(_ kind: Kind = .invalid, reason: String) {
            self.kind = kind
            self.reason = reason
        }
    }

    /// The largest manifest that is accepted, in bytes.
    package static let maximumBytes = 4 * 1024 * 1024
    /// How many layers or entries one manifest may list.
    package static let maximumDescriptors = 4096

    package let bytes: [UInt8]
    package let mediaType: MediaType
    package let content: Content
    /// What the manifest is attached to; it need not exist.
    package let subject: Descriptor?
    package let annotations: [String: String]

    /// Parses what a client pushed or what the database kept.
    /// - Parameter declared: the Content-Type without parameters; nil when there was none, then the body must say.
    /// - Throws: ``Malformed`` with a sentence for the client.
    package init(_ bytes: [UInt8], declared: MediaType?) throws(Malformed) {
        guard bytes.count <= Self.maximumBytes else {
            throw Malformed(reason: "The manifest is larger than \(Self.maximumBytes) bytes.")
        }
        if let declared, declared.isSchema1 { throw Self.schema1 }
        let document: JSONValue
        do { document = try JSONValue(parsing: bytes) } catch {
            throw Malformed(reason: "The manifest is not valid JSON: \(error).")
        }
        guard let object = document.object else { throw Malformed(reason: "The manifest is not a JSON object.") }
        let members = JSONMembers(object)
        if members.value("schemaVersion")?.integer == 1 { throw Self.schema1 }
        try Self.refuseLookalikes(in: members)
        guard members.value("schemaVersion")?.integer == 2 else {
            throw members.failure("schemaVersion", "must be 2")
        }
        let type = try Self.type(of: members, declared: declared)
        if type.isIndex {
            try Self.refuse(["layers", "config", "fsLayers"], in: members, for: "An index")
            content = .index(try ImageIndex(members))
        } else {
            try Self.refuse(["manifests", "fsLayers"], in: members, for: "An image manifest")
            content = .image(try ImageManifest(members))
        }
        self.bytes = bytes
        mediaType = type
        subject = try members.descriptorIfAny("subject")
        annotations = try members.texts("annotations")
    }

    /// The digest of the exact bytes.
    package func digest(by algorithm: Digest.Algorithm = .sha256) -> Digest { Digest(of: bytes, by: algorithm) }

    /// The blobs that must be stored for this manifest to be pulled: config and layers, without those whose licence keeps
    /// them elsewhere; none for an index. Each digest once, in order.
    package var blobs: [Descriptor] {
        guard case .image(let image) = content else { return [] }
        var seen: Set<Digest> = []
        return ([image.config] + image.layers.filter { !$0.mediaType.isNondistributable })
            .filter { seen.insert($0.digest).inserted }
    }

    /// The manifests that an index lists, each digest once; none for an image.
    package var children: [Descriptor] {
        guard case .index(let index) = content else { return [] }
        var seen: Set<Digest> = []
        return index.manifests.filter { seen.insert($0.digest).inserted }
    }

    /// The artifact type by which referrers are listed: the manifest's own, else an image's config type.
    package var artifactType: String? {
        switch content {
        case .image(let image): image.artifactType ?? image.config.mediaType.text
        case .index(let index): index.artifactType
        }
    }

    private static let schema1 = Malformed(
        .schema1,
        reason: "Manifests of schemaVersion 1 are not supported: push with a client that writes Docker schema 2 or OCI."
    )

    private static func type(of members: JSONMembers, declared: MediaType?) throws(Malformed) -> MediaType {
        let written = try members.mediaTypeIfAny("mediaType")
        guard let type = declared ?? written else {
            throw Malformed(reason: "Neither a Content-Type nor mediaType says what the manifest is.")
        }
        guard type.isImage || type.isIndex else {
            throw Malformed(reason: "\(type) is no manifest type that this registry accepts.")
        }
        if let written {
            guard written == type else {
                throw Malformed(reason: "mediaType is \(written), but the Content-Type is \(type).")
            }
        } else if type == .dockerImage || type == .dockerList {
            throw members.failure("mediaType", "is missing")
        }
        return type
    }

    private static func refuse(
        _ names: [String], in members: JSONMembers, for what: String
    ) throws(Malformed) {
        for name in names where members.names.contains(name) {
            throw Malformed(reason: "\(what) must not have \(name).")
        }
    }

    private static let known: Set<String> = [
        "schemaVersion", "mediaType", "config", "layers", "manifests", "subject", "artifactType", "annotations",
        "fsLayers",
    ]
    private static let knownByLowerCase = Set(known.map { $0.lowercased() })

    private static func refuseLookalikes(in members: JSONMembers) throws(Malformed) {
        for name in members.names where !known.contains(name) && knownByLowerCase.contains(name.lowercased()) {
            throw Malformed(reason: "The key \(name) differs from a known one only in case.")
        }
    }
}
