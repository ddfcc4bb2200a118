/// The type of a manifest, a config or a layer, without parameters, letter for letter as its author wrote it.
///
/// Shape: `type/subtype` of the characters that RFC 6838 allows; at most 255 characters.
package struct MediaType: Sendable, Hashable, CustomStringConvertible {
    package struct Malformed: Error, Sendable, Hashable {
        package let text: String
        package var message: String { "A media type must have the form type/subtype." }
    }

    package let text: String

    /// Parses a media type; parameters after a semicolon are dropped. Throws ``Malformed``.
    package init(_ text: String) throws(Malformed) {
        let bare = text.utf8.prefix { $0 != UInt8(ascii: ";") }.filter { $0 != UInt8(ascii: " ") }
        let parts = bare.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        guard bare.count <= 255, parts.count == 2, parts.allSatisfy({ !$0.isEmpty && $0.allSatisfy(Self.isAllowed) })
        else { throw Malformed(text: text) }
        self.text = String(decoding: bare, as: UTF8.self)
    }

    private init(known text: StaticString) { self.text = text.description }

    package static let ociImage = Self(known: "application/vnd.oci.image.manifest.v1+json")
    package static let ociIndex = Self(known: "application/vnd.oci.image.index.v1+json")
    package static let ociConfig = Self(known: "application/vnd.oci.image.config.v1+json")
    package static let ociEmpty = Self(known: "application/vnd.oci.empty.v1+json")
    package static let ociLayerGzip = Self(known: "application/vnd.oci.image.layer.v1.tar+gzip")
    package static let dockerImage = Self(known: "application/vnd.docker.distribution.manifest.v2+json")
    package static let dockerList = Self(known: "application/vnd.docker.distribution.manifest.list.v2+json")
    package static let dockerConfig = Self(known: "application/vnd.docker.container.image.v1+json")
    package static let dockerLayer = Self(known: "application/vnd.docker.image.rootfs.diff.tar.gzip")

    /// An image manifest of OCI or Docker.
    package var isImage: Bool { self == .ociImage || self == .dockerImage }
    /// An index of OCI or a manifest list of Docker.
    package var isIndex: Bool { self == .ociIndex || self == .dockerList }

    /// A manifest in the form that Docker wrote before 2016, signed or not.
    package var isSchema1: Bool {
        text == "application/vnd.docker.distribution.manifest.v1+json"
            || text == "application/vnd.docker.distribution.manifest.v1+prettyjws"
    }

    /// A layer that its licence keeps outside registries: its bytes may be absent here.
    package var isNondistributable: Bool {
        text.hasPrefix("application/vnd.oci.image.layer.nondistributable.")
            || text.hasPrefix("application/vnd.docker.image.rootfs.foreign.")
    }

    package var description: String { text }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "!#$&-^_.+".utf8.contains(byte)
        }
    }
}
