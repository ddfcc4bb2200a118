import Foundation
import OCI
import TestSupport
import Testing

/// The registry as a client in daily use sees it.
@Suite("Skopeo", .enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/skopeo")))
struct SkopeoTests {
    /// An OCI layout with one image of one layer.
    static func layout(in folder: TemporaryFolder) throws -> String {
        let root = folder.path("image")
        try FileManager.default.createDirectory(atPath: root + "/blobs/sha256", withIntermediateDirectories: true)
        func blob(_ bytes: [UInt8]) throws -> Digest {
            let digest = Digest(of: bytes)
            try Data(bytes).write(to: URL(fileURLWithPath: "\(root)/blobs/sha256/\(digest.hex)"))
            return digest
        }
        let layer = [UInt8](repeating: 0, count: 10_240)
        let layerDigest = try blob(layer)
        let config = Array(
            #"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":["\#(layerDigest)"]},"config":{}}"#
                .utf8)
        let configDigest = try blob(config)
        let manifest = Array(
            """
            {"schemaVersion":2,"mediaType":"\(MediaType.ociImage)",\
            "config":{"mediaType":"\(MediaType.ociConfig)","digest":"\(configDigest)","size":\(config.count)},\
            "layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"\(layerDigest)","size":10240}]}
            """.utf8)
        let digest = try blob(manifest)
        try folder.write(#"{"imageLayoutVersion":"1.0.0"}"#, to: "image/oci-layout")
        try folder.write(
            """
            {"schemaVersion":2,"manifests":[{"mediaType":"\(MediaType.ociImage)","digest":"\(digest)",\
            "size":\(manifest.count),"annotations":{"org.opencontainers.image.ref.name":"v1"}}]}
            """, to: "image/index.json")
        return root
    }

    private func skopeo(_ arguments: [String]) async throws {
        let process = try ChildProcess("/usr/bin/skopeo", ["--insecure-policy"] + arguments)
        #expect(try await process.exit(within: .seconds(120)) == 0, "\(process.printed)")
    }

    @Test("pushes and pulls an image, as it is and as Docker's schema 2", arguments: [nil, "v2s2"])
    func roundTrip(_ format: String?) async throws {
        let registry = try await LiveRegistry.start()
        let folder = try TemporaryFolder()
        let layout = try Self.layout(in: folder)
        let credentials = "owner:\(LiveRegistry.password)"
        let image = "docker://\(registry.host)/owner/first-push:v1"
        let form = format.map { ["--format", $0] } ?? ["--preserve-digests"]
        try await skopeo(
            ["copy"] + form + ["--dest-tls-verify=false", "--dest-creds", credentials, "oci:\(layout):v1", image])
        try await skopeo([
            "copy", "--src-tls-verify=false", "--src-creds", credentials, image, "dir:\(folder.path("pulled"))",
        ])
        let pushed = try FileManager.default.contentsOfDirectory(atPath: layout + "/blobs/sha256")
        let pulled = try FileManager.default.contentsOfDirectory(atPath: folder.path("pulled"))
        let manifest = Array(try Data(contentsOf: URL(fileURLWithPath: folder.path("pulled/manifest.json"))))
        if format == nil {
            // Config and layer under their digests, and the manifest byte for byte.
            #expect(pushed.count == 3)
            #expect(Set(pushed).subtracting(pulled) == [Digest(of: manifest).hex])
        } else {
            #expect(try Manifest(manifest, declared: nil).mediaType == .dockerImage)
        }
        try await skopeo(["inspect", "--tls-verify=false", "--creds", credentials, image])
    }
}
