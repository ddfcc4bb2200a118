import Crypto
import Foundation

/// The style sheets, scripts and pictures of the pages, held in memory.
///
/// A request is answered from a table of known names, so no path from outside ever reaches the file system. All files
/// live below `/static/<version>/`, where the version is a digest over all of them: such a URL never changes its
/// content and may be kept for ever, and modules that import each other by relative paths stay within one version.
struct StaticFiles: Sendable {
    struct File: Sendable, Hashable {
        let bytes: [UInt8]
        let contentType: String
        /// A strong validator, quoted as HTTP wants it.
        let entityTag: String
    }

    /// What a request for a file gets.
    struct Answer: Sendable, Hashable {
        let file: File
        /// The version in the URL is ours.
        let isImmutable: Bool

        /// A page of another version may run against this one while servers are being replaced; such a copy is
        /// revalidated each time.
        var cacheControl: String { isImmutable ? "public, max-age=31536000, immutable" : "no-cache" }
    }

    struct UnknownType: Error, Sendable, Hashable, CustomStringConvertible {
        let name: String
        var description: String { "The static file \(name) has an extension that no content type is known for." }
    }

    let files: [String: File]
    let version: String

    /// Reads every file below `folder`. Throws ``UnknownType``, and errors of the file system.
    init(folder: String) throws {
        var contents: [String: [UInt8]] = [:]
        for path in try FileManager.default.subpathsOfDirectory(atPath: folder) {
            let url = URL(fileURLWithPath: "\(folder)/\(path)")
            guard try url.resourceValues(forKeys: [.isRegularFileKey]).isRegularFile == true else { continue }
            contents[path] = [UInt8](try Data(contentsOf: url))
        }
        try self.init(contents)
    }

    /// - Parameter contents: bytes by path, such as `css/base.css`.
    init(_ contents: [String: [UInt8]]) throws {
        var files: [String: File] = [:]
        var whole = SHA256()
        for (path, bytes) in contents.sorted(by: { $0.key < $1.key }) {
            guard let type = Self.contentType(of: path) else { throw UnknownType(name: path) }
            let digest = SHA256.hash(data: bytes)
            whole.update(data: Array("\(path)\n\(Self.hex(digest))\n".utf8))
            files[path] = File(bytes: bytes, contentType: type, entityTag: "\"\(Self.hex(digest).prefix(32))\"")
        }
        self.files = files
        version = String(Self.hex(whole.finalize()).prefix(12))
    }

    /// The path that a page puts before a file's name.
    var root: String { "/static/\(version)" }

    /// The file for the part of a request path that follows `/static/`; nil when there is none of that name.
    func answer(for path: some StringProtocol) -> Answer? {
        guard let slash = path.firstIndex(of: "/") else { return nil }
        let name = String(path[path.index(after: slash)...])
        guard let file = files[name] else { return nil }
        return Answer(file: file, isImmutable: path[..<slash] == version)
    }

    static func contentType(of path: String) -> String? {
        switch path.split(separator: ".").last {
        case "css": "text/css; charset=utf-8"
        case "js": "text/javascript; charset=utf-8"
        case "svg": "image/svg+xml"
        case "png": "image/png"
        case "txt": "text/plain; charset=utf-8"
        default: nil
        }
    }

    private static func hex(_ bytes: some Sequence<UInt8>) -> String {
        let digits = Array("0123456789abcdef".utf8)
        let text = bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
        return String(decoding: text, as: UTF8.self)
    }
}
