import Foundation
import OCI
import TestSupport

/// An OCI layout with an index of two images, each of one layer that every client can unpack: made without any client.
struct TwoPlatformImage {
    /// The layout's folder.
    let path: String
    let index: Digest
    /// The digests of everything in it, the index too.
    let blobs: Set<Digest>

    /// - Parameters:
    ///   - name: what the layers say, so that two images share nothing.
    ///   - padding: how many bytes longer each layer is.
    init(in folder: TemporaryFolder, saying name: String, padding: Int = 0) async throws {
        path = folder.path("layout-\(name)")
        let store = "\(path)/blobs/sha256"
        try FileManager.default.createDirectory(atPath: store, withIntermediateDirectories: true)
        var written: Set<Digest> = []
        func blob(_ bytes: [UInt8]) throws -> Digest {
            let digest = Digest(of: bytes)
            try Data(bytes).write(to: URL(fileURLWithPath: "\(store)/\(digest.hex)"))
            written.insert(digest)
            return digest
        }
        var entries: [String] = []
        for architecture in ["amd64", "arm64"] {
            let files = folder.path("files-\(name)-\(architecture)")
            try FileManager.default.createDirectory(atPath: files, withIntermediateDirectories: true)
            let text = "\(name) for \(architecture)\n" + String(repeating: "x", count: padding)
            try Data(text.utf8).write(to: URL(fileURLWithPath: "\(files)/hello.txt"))
            let archive = folder.path("\(name)-\(architecture).tar")
            try await Client.run("tar", "-C", files, "--mtime=@0", "-cf", archive, "hello.txt")
            let layer = Array(try Data(contentsOf: URL(fileURLWithPath: archive)))
            let layerDigest = try blob(layer)
            let config = Array(
                """
                {"architecture":"\(architecture)","os":"linux","config":{},\
                "rootfs":{"type":"layers","diff_ids":["\(layerDigest)"]}}
                """.utf8)
            let manifest = Array(
                """
                {"schemaVersion":2,"mediaType":"\(MediaType.ociImage)",\
                "config":{"mediaType":"\(MediaType.ociConfig)","digest":"\(try blob(config))","size":\(config.count)},\
                "layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"\(layerDigest)",\
                "size":\(layer.count)}]}
                """.utf8)
            entries.append(
                """
                {"mediaType":"\(MediaType.ociImage)","digest":"\(try blob(manifest))","size":\(manifest.count),\
                "platform":{"architecture":"\(architecture)","os":"linux"}}
                """)
        }
        let body = Array(
            """
            {"schemaVersion":2,"mediaType":"\(MediaType.ociIndex)","manifests":[\(entries.joined(separator: ","))]}
            """.utf8)
        index = try blob(body)
        blobs = written
        try Data(#"{"imageLayoutVersion":"1.0.0"}"#.utf8).write(to: URL(fileURLWithPath: "\(path)/oci-layout"))
        let list = """
            {"schemaVersion":2,"manifests":[{"mediaType":"\(MediaType.ociIndex)","digest":"\(index)",\
            "size":\(body.count),"annotations":{"org.opencontainers.image.ref.name":"all"}}]}
            """
        try Data(list.utf8).write(to: URL(fileURLWithPath: "\(path)/index.json"))
    }

    /// What a layout's folder holds, each file under the digest of its own bytes.
    static func contents(of layout: String) throws -> Set<Digest> {
        let store = "\(layout)/blobs/sha256"
        return Set(
            try FileManager.default.contentsOfDirectory(atPath: store).map {
                Digest(of: Array(try Data(contentsOf: URL(fileURLWithPath: "\(store)/\($0)"))))
            })
    }
}
