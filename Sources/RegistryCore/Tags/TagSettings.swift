package import Domain

/// What the configuration says of tags and labels; a slice of it.
package struct TagSettings: Sendable {
    /// LABELED_EXPIRATION_MINIMUM and LABELED_EXPIRATION_MAXIMUM.
    package var expiration: TagExpiration
    /// DEFAULT_TAG_EXPIRATION: what new namespaces begin with.
    package var timeMachine: TimeMachine
    /// TAG_EXPIRATION_OPTIONS: what a namespace may choose.
    package var timeMachineOptions: [TimeMachine]
    /// FEATURE_CHANGE_TAG_EXPIRATION: whether a namespace may choose at all.
    package var mayChangeTimeMachine: Bool
    /// DEFAULT_LABEL_KEY_RESERVED_PREFIXES and LABEL_KEY_RESERVED_PREFIXES.
    package var reservedLabelPrefixes: [String]
    /// PUSH_TEMP_TAG_EXPIRATION_SEC: how long a manifest that was pushed by digest stays without a tag, in seconds.
    package var untaggedSeconds: Double

    package init(
        expiration: TagExpiration = .standard, timeMachine: TimeMachine = .standard,
        timeMachineOptions: [TimeMachine] = [0, 86_400, 604_800, 1_209_600, 2_419_200].map(TimeMachine.init),
        mayChangeTimeMachine: Bool = true,
        reservedLabelPrefixes: [String] = ImagesSection.builtInReservedLabelPrefixes, untaggedSeconds: Double = 3600
    ) {
        self.expiration = expiration
        self.timeMachine = timeMachine
        self.timeMachineOptions = timeMachineOptions
        self.mayChangeTimeMachine = mayChangeTimeMachine
        self.reservedLabelPrefixes = reservedLabelPrefixes
        self.untaggedSeconds = untaggedSeconds
    }

    /// What a configuration says.
    package init(_ configuration: Configuration) {
        let images = configuration.registry
        self.init(
            expiration: TagExpiration(
                allowedSeconds: Self.seconds(images.expirationMinimum)...Self.seconds(images.expirationMaximum)),
            timeMachine: TimeMachine(seconds: Int(images.defaultTagExpiration.components.seconds)),
            timeMachineOptions: images.tagExpirationOptions.compactMap(Quantities.duration).map {
                TimeMachine(seconds: Int($0.components.seconds))
            },
            mayChangeTimeMachine: configuration.features.changeTagExpiration,
            reservedLabelPrefixes: images.reservedLabelPrefixes,
            untaggedSeconds: Self.seconds(images.temporaryTagLifetime))
    }

    private static func seconds(_ duration: Duration) -> Double {
        Double(duration.components.seconds) + Double(duration.components.attoseconds) * 1e-18
    }
}
