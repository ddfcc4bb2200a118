import OCI
import Testing

private let digest = "sha256:\(String(repeating: "ab", count: 32))"
private let other = "sha256:\(String(repeating: "cd", count: 32))"
private let config = #"{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"\#(digest)","size":2}"#
private let layer = #"{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"\#(other)","size":10}"#
private let image = #""config":\#(config),"layers":[\#(layer)]"#

@Suite("Manifests") struct ManifestTests {
    static func parse(_ body: String, _ declared: MediaType? = .ociImage) throws -> Manifest {
        try Manifest(Array(body.utf8), declared: declared)
    }

    @Test(
        "accepts the four kinds, with and without mediaType where the format allows it",
        arguments: [
            (#"{"schemaVersion":2,\#(image)}"#, MediaType.ociImage),
            (#"{"schemaVersion":2,"mediaType":"\#(MediaType.ociImage)",\#(image)}"#, .ociImage),
            (#"{"schemaVersion":2,"mediaType":"\#(MediaType.dockerImage)",\#(image)}"#, .dockerImage),
            (#"{"schemaVersion":2,"manifests":[]}"#, .ociIndex),
            (#"{"schemaVersion":2,"mediaType":"\#(MediaType.dockerList)","manifests":[]}"#, .dockerList),
            (#"{"schemaVersion":2,"config":\#(config),"layers":[]}"#, .ociImage),
        ])
    func accepts(_ body: String, _ type: MediaType) throws {
        let manifest = try Self.parse(body, type)
        #expect(manifest.mediaType == type)
        #expect(manifest.bytes == Array(body.utf8))
        #expect(manifest.digest() == Digest(of: Array(body.utf8)))
    }

    @Test("without a Content-Type the body must say what it is")
    func undeclared() throws {
        let body = #"{"schemaVersion":2,"mediaType":"\#(MediaType.dockerImage)",\#(image)}"#
        #expect(try Self.parse(body, nil).mediaType == .dockerImage)
        #expect(throws: Manifest.Malformed.self) { try Self.parse(#"{"schemaVersion":2,\#(image)}"#, nil) }
    }

    @Test(
        "SEC-Content confusion: a body that could be taken for another kind is refused",
        arguments: [
            // The type in the body is not the declared one.
            (#"{"schemaVersion":2,"mediaType":"\#(MediaType.ociIndex)",\#(image)}"#, MediaType.ociImage),
            (#"{"schemaVersion":2,"mediaType":"\#(MediaType.dockerImage)",\#(image)}"#, .ociImage),
            (#"{"schemaVersion":2,"mediaType":"\#(MediaType.ociImage); a=b",\#(image)}"#, .ociImage),
            (#"{"schemaVersion":2,"mediaType":"\#(MediaType.ociImage.text.uppercased())",\#(image)}"#, .ociImage),
            (#"{"schemaVersion":2,"mediaType":7,\#(image)}"#, .ociImage),
            // Docker's types must say so themselves.
            (#"{"schemaVersion":2,\#(image)}"#, .dockerImage), (#"{"schemaVersion":2,"manifests":[]}"#, .dockerList),
            // Image and index at once.
            (#"{"schemaVersion":2,\#(image),"manifests":[]}"#, .ociImage),
            (#"{"schemaVersion":2,\#(image),"manifests":null}"#, .ociImage),
            (#"{"schemaVersion":2,"manifests":[],"layers":[]}"#, .ociIndex),
            (#"{"schemaVersion":2,"manifests":[],"config":\#(config)}"#, .ociIndex),
            (#"{"schemaVersion":2,\#(image),"fsLayers":[]}"#, .ociImage),
            // What Go's decoder reads as the same key.
            (#"{"schemaVersion":2,\#(image),"Manifests":[]}"#, .ociImage),
            (#"{"schemaVersion":2,\#(image),"MEDIATYPE":"\#(MediaType.ociIndex)"}"#, .ociImage),
            (#"{"schemaVersion":2,\#(image),"layers":[]}"#, .ociImage),
            // An image under an index's type, and the other way round.
            (#"{"schemaVersion":2,\#(image)}"#, .ociIndex), (#"{"schemaVersion":2,"manifests":[]}"#, .ociImage),
        ])
    func confusion(_ body: String, _ type: MediaType) {
        #expect(throws: Manifest.Malformed.self) { try Self.parse(body, type) }
    }

    @Test(
        "refuses broken bodies with a sentence that says where",
        arguments: [
            ("", "not valid JSON"), ("[]", "not a JSON object"), (#"{"schemaVersion":1,\#(image)}"#, "schemaVersion"),
            (#"{"schemaVersion":"2",\#(image)}"#, "schemaVersion"), (#"{\#(image)}"#, "schemaVersion"),
            (#"{"schemaVersion":2,"layers":[]}"#, "config is missing"),
            (#"{"schemaVersion":2,"config":\#(config)}"#, "layers must be a list"),
            (#"{"schemaVersion":2,"config":\#(config),"layers":[{}]}"#, "layers[0].mediaType is missing"),
            (
                #"{"schemaVersion":2,"config":\#(config),"layers":[{"mediaType":"a/b","digest":"sha256:x","size":1}]}"#,
                "layers[0].digest"
            ),
            (
                #"{"schemaVersion":2,"config":\#(config),"layers":[{"mediaType":"a/b","digest":"\#(digest)","size":-1}]}"#,
                "layers[0].size"
            ),
            (#"{"schemaVersion":2,\#(image),"annotations":{"a":1}}"#, "annotations.a must be text"),
            (#"{"schemaVersion":2,\#(image),"subject":{"mediaType":"a/b"}}"#, "subject.digest is missing"),
        ])
    func broken(_ body: String, _ expected: String) {
        let error = #expect(throws: Manifest.Malformed.self) { try Self.parse(body) }
        #expect(error?.reason.contains(expected) == true, "\(error?.reason ?? "-")")
    }

    @Test(
        "schema 1 is told apart from what is broken",
        arguments: [
            (#"{"schemaVersion":1,"name":"a/b","tag":"v1","fsLayers":[],"history":[]}"#, nil as String?),
            (#"{"schemaVersion":1,"fsLayers":[]}"#, "application/vnd.docker.distribution.manifest.v1+prettyjws"),
            ("no JSON at all", "application/vnd.docker.distribution.manifest.v1+json"),
        ])
    func schema1(_ body: String, _ type: String?) throws {
        let declared = try type.map { try MediaType($0) }
        let error = #expect(throws: Manifest.Malformed.self) { try Self.parse(body, declared) }
        #expect(error?.kind == .schema1)
        #expect(error?.reason.contains("schemaVersion 1") == true)
    }

    @Test("an artifact type fits into headers and queries, and an empty one is none")
    func artifactTypes() throws {
        func type(_ json: String) throws -> String? {
            try Self.parse(#"{"schemaVersion":2,"artifactType":\#(json),"manifests":[]}"#, .ociIndex).artifactType
        }
        #expect(try type(#""sbom/example;v=1""#) == "sbom/example;v=1")
        #expect(try type(#""""#) == nil)
        for broken in [#""a b""#, #""a\u0000""#, #""é""#, "7", "\"\(String(repeating: "a", count: 256))\""] {
            #expect(throws: Manifest.Malformed.self, "\(broken)") { try type(broken) }
        }
    }

    @Test("types that are no manifests are refused", arguments: ["application/json", "text/html", "a/b"])
    func foreignTypes(_ text: String) {
        #expect(throws: Manifest.Malformed.self) {
            try Self.parse(#"{"schemaVersion":2,\#(image)}"#, try MediaType(text))
        }
    }

    @Test("SEC-Resource exhaustion: size and number of entries are capped, 4 MiB are not too much")
    func caps() throws {
        let head = #"{"schemaVersion":2,\#(image),"annotations":{"a":""#
        let padding = String(repeating: "x", count: Manifest.maximumBytes - head.utf8.count - 3)
        _ = try Self.parse("\(head)\(padding)\"}}")
        #expect(throws: Manifest.Malformed.self) { try Self.parse("\(head)\(padding)x\"}}") }
        func entries(_ count: Int) -> String {
            let entries = Array(repeating: layer, count: count).joined(separator: ",")
            return #"{"schemaVersion":2,"config":\#(config),"layers":[\#(entries)]}"#
        }
        _ = try Self.parse(entries(Manifest.maximumDescriptors))
        #expect(throws: Manifest.Malformed.self) { try Self.parse(entries(Manifest.maximumDescriptors + 1)) }
    }

    @Test("names the blobs that must be here: each once, without foreign layers")
    func blobs() throws {
        let foreign =
            #"{"mediaType":"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip","digest":"sha256:\#(String(repeating: "ef", count: 32))","size":1,"urls":["https://example.com/l"]}"#
        let manifest = try Self.parse(
            #"{"schemaVersion":2,"config":\#(config),"layers":[\#(layer),\#(layer),\#(foreign)]}"#)
        #expect(manifest.blobs.map(\.digest.text) == [digest, other])
        #expect(manifest.children.isEmpty)
        #expect(manifest.artifactType == "application/vnd.oci.image.config.v1+json")
    }

    @Test("reads subject, artifact type, annotations and platforms")
    func details() throws {
        let platform = #""platform":{"architecture":"arm64","os":"linux","variant":"v8"}"#
        let child = #"{"mediaType":"\#(MediaType.ociImage)","digest":"\#(digest)","size":5,\#(platform)}"#
        let manifest = try Self.parse(
            #"{"schemaVersion":2,"artifactType":"a/b","subject":\#(layer),"annotations":{"k":"v"},"manifests":[\#(child)]}"#,
            .ociIndex)
        #expect(manifest.subject?.digest.text == other)
        #expect(manifest.artifactType == "a/b")
        #expect(manifest.annotations == ["k": "v"])
        #expect(manifest.children.first?.platform == .init(architecture: "arm64", os: "linux", variant: "v8"))
    }

    @Test("reads the labels of an image config, and lives without any")
    func readsConfig() throws {
        let body = #"{"architecture":"amd64","os":"linux","config":{"Labels":{"quay.expires-after":"2h"}},"rootfs":{}}"#
        let config = try ImageConfig(Array(body.utf8))
        #expect(config.labels == ["quay.expires-after": "2h"])
        #expect(config.architecture == "amd64")
        #expect(try ImageConfig(Array("{}".utf8)).labels.isEmpty)
        #expect(try ImageConfig(Array(#"{"config":{"Labels":null}}"#.utf8)).labels.isEmpty)
        #expect(throws: Manifest.Malformed.self) { try ImageConfig(Array(#"{"config":{"Labels":[]}}"#.utf8)) }
    }
}
