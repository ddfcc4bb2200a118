/// The few things that the registry reads from an image's config blob. Source: OCI image spec, config.
package struct ImageConfig: Sendable, Hashable {
    package let architecture: String?
    package let os: String?
    package let variant: String?
    /// RFC 3339, as it stands there.
    package let created: String?
    package let labels: [String: String]
    /// How the image was made, base first; empty where the configuration doesn't say it in the agreed form.
    package let history: [Step]

    /// One step of a build.
    package struct Step: Sendable, Hashable {
        /// RFC 3339, as it stands there.
        package let created: String?
        package let createdBy: String?
        package let author: String?
        package let comment: String?
        /// Whether the step changed no file, so that no layer belongs to it.
        package let isEmptyLayer: Bool
    }

    /// Parses the config of an image; an artifact's config has another type and is not for this.
    /// Throws ``Manifest/Malformed``.
    package init(_ bytes: [UInt8]) throws(Manifest.Malformed) {
        let document: JSONValue
        do { document = try JSONValue(parsing: bytes) } catch {
            throw Manifest.Malformed(reason: "The image config is not valid JSON: \(error).")
        }
        guard let object = document.object else {
            throw Manifest.Malformed(reason: "The image config is not a JSON object.")
        }
        let members = JSONMembers(object)
        architecture = try members.textIfAny("architecture")
        os = try members.textIfAny("os")
        variant = try members.textIfAny("variant")
        created = try members.textIfAny("created")
        labels = try members.membersIfAny("config")?.texts("Labels") ?? [:]
        history = Self.history(object["history"]?.array ?? [])
    }

    /// Only for people to look at: a strange member is left out, it does not spoil the configuration.
    private static func history(_ steps: [JSONValue]) -> [Step] {
        guard steps.count <= Manifest.maximumDescriptors else { return [] }
        return steps.map { step in
            Step(
                created: step.object?["created"]?.text, createdBy: step.object?["created_by"]?.text,
                author: step.object?["author"]?.text, comment: step.object?["comment"]?.text,
                isEmptyLayer: step.object?["empty_layer"] == .bool(true))
        }
    }
}
