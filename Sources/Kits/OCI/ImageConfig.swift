/// The few things that the registry reads from an image's config blob. Source: OCI image spec, config.
package struct ImageConfig: Sendable, Hashable {
    package let architecture: String?
    package let os: String?
    package let variant: String?
    /// RFC 3339, as it stands there.
    package let created: String?
    package let labels: [String: String]

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
    }
}
