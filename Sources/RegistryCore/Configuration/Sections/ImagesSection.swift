/// The registry itself: uploads, tags, time machine, garbage collection.
package struct ImagesSection: Sendable {
    /// LIBRARY_NAMESPACE: the namespace of names without a slash.
    package let libraryNamespace: String
    package let maximumLayerSize: ByteSize
    package let registryTokenMaximumAge: Duration
    package let temporaryTagLifetime: Duration
    /// DEFAULT_TAG_EXPIRATION, TAG_EXPIRATION_OPTIONS: the time machine of new namespaces, and what may be chosen.
    package let defaultTagExpiration: Duration
    /// The options as written (`2w`), which is how the API names them.
    package let tagExpirationOptions: [String]
    /// LABELED_EXPIRATION_MINIMUM/MAXIMUM: what an explicit expiry is clamped to.
    package let expirationMinimum: Duration
    package let expirationMaximum: Duration
    /// LABEL_KEY_RESERVED_PREFIXES with the built-in ones.
    package let reservedLabelPrefixes: [String]
    package let garbageCollectionPeriod: Duration
    package let createsPrivateRepositoriesOnPush: Bool
    package let createsNamespacesOnPush: Bool
    /// DEFAULT_SYSTEM_REJECT_QUOTA_BYTES: the quota of namespaces without their own, in bytes; 0 for none.
    package let systemRejectQuotaBytes: Int64

    /// Source: Quay 3.4, DEFAULT_LABEL_KEY_RESERVED_PREFIXES.
    package static let builtInReservedLabelPrefixes = [
        "com.docker.", "io.docker.", "org.dockerproject.", "org.opencontainers.", "io.cncf.", "io.kubernetes.",
        "io.k8s.",
        "io.quay", "com.coreos", "com.tectonic", "internal", "quay",
    ]
}

extension ImagesSection {
    init(_ reader: SectionReader) {
        libraryNamespace = reader.text("LIBRARY_NAMESPACE", default: "library")
        maximumLayerSize = reader.size("MAXIMUM_LAYER_SIZE", default: ByteSize(text: "20G", bytes: 20_000_000_000))
        registryTokenMaximumAge = reader.seconds("REGISTRY_JWT_AUTH_MAX_FRESH_S", default: 3660, atLeast: 1)
        temporaryTagLifetime = reader.seconds("PUSH_TEMP_TAG_EXPIRATION_SEC", default: 3600, atLeast: 1)
        defaultTagExpiration = reader.duration("DEFAULT_TAG_EXPIRATION", default: .seconds(14 * 86_400))
        let written = reader.texts("TAG_EXPIRATION_OPTIONS")
        for (index, option) in written.enumerated() where Quantities.duration(option) == nil {
            reader.problem(
                "TAG_EXPIRATION_OPTIONS[\(index)]",
                "Expected a duration such as 0s, 1d or 2w, got \"\(option.prefix(60))\".")
        }
        let options = written.filter { Quantities.duration($0) != nil }
        tagExpirationOptions = options.isEmpty ? ["0s", "1d", "1w", "2w", "4w"] : options
        if !tagExpirationOptions.compactMap(Quantities.duration).contains(defaultTagExpiration) {
            reader.problem(
                "DEFAULT_TAG_EXPIRATION",
                "Must be one of TAG_EXPIRATION_OPTIONS: \(tagExpirationOptions.joined(separator: ", ")).")
        }
        expirationMinimum = reader.duration("LABELED_EXPIRATION_MINIMUM", default: .seconds(3600))
        expirationMaximum = reader.duration("LABELED_EXPIRATION_MAXIMUM", default: .seconds(104 * 604_800))
        if expirationMinimum > expirationMaximum {
            reader.problem("LABELED_EXPIRATION_MINIMUM", "Must not be longer than LABELED_EXPIRATION_MAXIMUM.")
        }
        let standard =
            reader.node("DEFAULT_LABEL_KEY_RESERVED_PREFIXES") == nil
            ? Self.builtInReservedLabelPrefixes : reader.texts("DEFAULT_LABEL_KEY_RESERVED_PREFIXES")
        reservedLabelPrefixes = standard + reader.texts("LABEL_KEY_RESERVED_PREFIXES")
        garbageCollectionPeriod = reader.seconds("GARBAGE_COLLECTION_FREQUENCY", default: 30, atLeast: 0.1)
        createsPrivateRepositoriesOnPush = reader.bool("CREATE_PRIVATE_REPO_ON_PUSH", default: true)
        createsNamespacesOnPush = reader.bool("CREATE_NAMESPACE_ON_PUSH", default: false)
        systemRejectQuotaBytes = Int64(
            reader.integer("DEFAULT_SYSTEM_REJECT_QUOTA_BYTES", default: 0, in: 0...Int.max))
    }
}
