import Foundation
import TestSupport
import Testing

@testable import BuilderAgent

@Suite("Context path") struct ContextPathTests {
    @Test(
        "enters the context and finds the Dockerfile in it",
        arguments: [
            ("", "", "", "Dockerfile"), ("/", "/Dockerfile", "", "Dockerfile"),
            ("/sub", "Dockerfile", "sub", "Dockerfile"),
            ("sub/", "./docker//File", "sub", "docker/File"), (".", "x", "", "x"),
        ])
    func enters(_ context: String, _ dockerfile: String, _ folder: String, _ file: String) throws {
        let path = try ContextPath(context: context, dockerfile: dockerfile)
        #expect(path.context.joined(separator: "/") == folder)
        #expect(path.dockerfile.joined(separator: "/") == file)
    }

    @Test(
        "SEC-Archive extraction: refuses paths with ..",
        arguments: [
            ("..", "Dockerfile"), ("/a/../b", "Dockerfile"), ("/", "../Dockerfile"), ("/", "a/../../x"), ("a\0b", "x"),
        ])
    func refuses(_ context: String, _ dockerfile: String) {
        #expect(throws: ContextPath.Refused.self) { try ContextPath(context: context, dockerfile: dockerfile) }
    }

    @Test("SEC-Archive extraction: a link out of the source is not followed; one inside is")
    func links() throws {
        let folder = try TemporaryFolder()
        let files = FileManager.default
        try files.createDirectory(atPath: folder.path("source/sub"), withIntermediateDirectories: true)
        try folder.write("FROM scratch", to: "source/sub/Dockerfile")
        try folder.write("secret", to: "outside")
        try files.createSymbolicLink(atPath: folder.path("source/in"), withDestinationPath: "sub")
        try files.createSymbolicLink(atPath: folder.path("source/out"), withDestinationPath: "..")
        try files.createSymbolicLink(atPath: folder.path("source/sub/leak"), withDestinationPath: "../../outside")
        let root = URL(fileURLWithPath: folder.path("source"))
        #expect(
            try ContextPath(context: "/in", dockerfile: "Dockerfile").resolve(in: root).context.lastPathComponent
                == "sub")
        for (context, file) in [("/out", "outside"), ("/sub", "leak"), ("/none", "x"), ("/sub", "x"), ("/", "sub")] {
            #expect(throws: ContextPath.Refused.self, "\(context) \(file)") {
                try ContextPath(context: context, dockerfile: file).resolve(in: root)
            }
        }
    }
}

@Suite("Package kind") struct PackageKindTests {
    private static let gzip: [UInt8] = [0x1F, 0x8B, 8, 0]

    @Test(
        "is told by content before type",
        arguments: [
            (gzip, "application/octet-stream", PackageKind.archive), (gzip, "text/plain; charset=utf-8", .archive),
            ([0x50, 0x4B, 3, 4], nil, .archive), (Array("FROM a\n".utf8), "text/plain", .dockerfile),
            (Array("FROM a\n".utf8), nil, .dockerfile),
            (Array("FROM a\n".utf8), "application/octet-stream", .dockerfile),
            (Array("<html>".utf8), "text/html; charset=utf-8", .unsupported("text/html")),
            ([0, 1, 2], "application/octet-stream", .unsupported("application/octet-stream")),
            ([0xFF, 0xFE], "text/plain", .unsupported("text/plain")), ([], nil, .dockerfile),
            (Array("x".utf8), "application/zip", .unsupported("application/zip")),
        ] as [([UInt8], String?, PackageKind)])
    func kinds(_ start: [UInt8], _ type: String?, _ kind: PackageKind) {
        #expect(PackageKind(start: start, byteCount: start.count, contentType: type) == kind)
    }

    @Test("a text too long for a Dockerfile is none")
    func long() {
        let kind = PackageKind(start: Array("a".utf8), byteCount: 2 << 20, contentType: "text/plain")
        #expect(kind == .unsupported("text/plain"))
    }
}
