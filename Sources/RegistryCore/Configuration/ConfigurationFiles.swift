import Foundation
import YAML

/// The folder of the configuration (the bundle): certificates and other files that its keys refer to.
struct ConfigurationFiles {
    /// Nil when there is no configuration file.
    let folder: String?
    private static let inside = "/conf/stack/"

    /// The path of `name` in the bundle, if such a file is there.
    func existing(_ name: String) -> String? {
        guard let folder else { return nil }
        let path = folder + "/" + name
        return FileManager.default.fileExists(atPath: path) ? path : nil
    }

    /// `extra_ca_cert_*.crt`, `.cert` or `.pem` in the bundle, and everything in its `extra_ca_certs/`, sorted.
    var extraAuthorities: [String] {
        guard let folder else { return [] }
        let files = FileManager.default
        let suffixes = [".crt", ".cert", ".pem"]
        // A bundle without the optional folder has no files in it.
        let beside = ((try? files.contentsOfDirectory(atPath: folder)) ?? [])
            .filter { name in name.hasPrefix("extra_ca_cert_") && suffixes.contains(where: name.hasSuffix) }
        let within = ((try? files.contentsOfDirectory(atPath: folder + "/extra_ca_certs")) ?? [])
            .filter { name in suffixes.contains(where: name.hasSuffix) }.map { "extra_ca_certs/" + $0 }
        return (beside + within).sorted().map { folder + "/" + $0 }
    }

    /// The file that `key` names, which must exist: `/conf/stack/…` and relative paths are looked up in the bundle, where
    /// `.crt` and `.cert` stand for each other.
    func path(_ key: String, _ reader: SectionReader) -> String? {
        reader.nonEmptyText(key).flatMap { path($0, of: key, reader) }
    }

    /// The files that the list under `key` names, each looked up like a single one.
    func paths(_ key: String, _ reader: SectionReader) -> [String] {
        reader.texts(key).enumerated().compactMap { path($1, of: "\(key)[\($0)]", reader) }
    }

    private func path(_ written: String, of key: String, _ reader: SectionReader) -> String? {
        let candidates = candidates(written)
        if let path = candidates.first(where: { FileManager.default.fileExists(atPath: $0) }) { return path }
        reader.problem(
            key,
            "The file \"\(written.prefix(200))\" does not exist\(candidates.first.map { $0 == written ? "" : " (looked for \($0))" } ?? "")."
        )
        return nil
    }

    private func candidates(_ written: String) -> [String] {
        var path = written
        if let folder {
            if written.hasPrefix(Self.inside) {
                path = folder + "/" + written.dropFirst(Self.inside.count)
            } else if !written.hasPrefix("/") {
                path = folder + "/" + written
            }
        }
        if path.hasSuffix(".crt") { return [path, path.dropLast(4) + ".cert"] }
        if path.hasSuffix(".cert") { return [path, path.dropLast(5) + ".crt"] }
        return [path]
    }
}
