import Foundation
import Testing

/// An Ignition document as a test reads it: strictly by the rules of specification 3.0.0, without our types.
struct IgnitionDocument {
    struct Broken: Error, CustomStringConvertible {
        let description: String
        init(_ description: String) { self.description = description }
    }

    struct File {
        let mode: Int
        let text: String
    }

    struct Unit {
        let enabled: Bool?
        let mask: Bool?
        let contents: String
    }

    private(set) var files: [String: File] = [:]
    private(set) var folders: [String: Int] = [:]
    private(set) var links: [String: String] = [:]
    private(set) var units: [String: Unit] = [:]
    private(set) var keys: [String] = []

    /// Which fields an object may have, and which it must have.
    private static let fields: [String: (may: Set<String>, must: Set<String>)] = [
        "": (["ignition", "storage", "systemd", "passwd"], ["ignition"]),
        "ignition": (["version", "config", "timeouts", "security"], ["version"]),
        "storage": (["disks", "raid", "filesystems", "files", "directories", "links"], []),
        "file": (["path", "overwrite", "contents", "append", "mode", "user", "group"], ["path"]),
        "contents": (["compression", "source", "verification"], []),
        "directory": (["path", "overwrite", "mode", "user", "group"], ["path"]),
        "link": (["path", "overwrite", "user", "group", "target", "hard"], ["path", "target"]),
        "systemd": (["units"], []),
        "unit": (["name", "enabled", "mask", "contents", "dropins"], ["name"]),
        "passwd": (["users", "groups"], []),
        "user": (["name", "passwordHash", "sshAuthorizedKeys", "uid", "homeDir", "groups", "shell"], ["name"]),
    ]

    init(_ json: String) throws {
        let root = try JSONSerialization.jsonObject(with: Data(json.utf8))
        let document = try Self.object(root, "")
        guard try Self.object(document["ignition"], "ignition")["version"] as? String == "3.0.0" else {
            throw Broken("The version is not 3.0.0.")
        }
        let storage = try Self.object(document["storage"] ?? [:], "storage")
        var paths: Set<String> = []
        for file in try Self.list(storage["files"]) {
            let file = try Self.object(file, "file")
            let source = try Self.object(file["contents"], "contents")["source"] as? String
            let path = try Self.path(file["path"], &paths)
            files[path] = File(mode: try Self.mode(file["mode"]), text: try Self.text(of: source))
        }
        for folder in try Self.list(storage["directories"]) {
            let folder = try Self.object(folder, "directory")
            folders[try Self.path(folder["path"], &paths)] = try Self.mode(folder["mode"])
        }
        for link in try Self.list(storage["links"]) {
            let link = try Self.object(link, "link")
            links[try Self.path(link["path"], &paths)] = link["target"] as? String
        }
        for unit in try Self.list(try Self.object(document["systemd"] ?? [:], "systemd")["units"]) {
            let unit = try Self.object(unit, "unit")
            guard let name = unit["name"] as? String, name.hasSuffix(".service") || name.hasSuffix(".socket"),
                units[name] == nil
            else { throw Broken("A unit without a good name of its own: \(unit)") }
            units[name] = Unit(
                enabled: unit["enabled"] as? Bool, mask: unit["mask"] as? Bool,
                contents: unit["contents"] as? String ?? "")
        }
        for user in try Self.list(try Self.object(document["passwd"] ?? [:], "passwd")["users"]) {
            let user = try Self.object(user, "user")
            guard user["name"] as? String == "core" else { throw Broken("An unknown account: \(user)") }
            keys = user["sshAuthorizedKeys"] as? [String] ?? []
            guard Set(keys).count == keys.count else { throw Broken("A key stands twice.") }
        }
    }

    private static func object(_ value: Any?, _ kind: String) throws -> [String: Any] {
        guard let object = value as? [String: Any], let fields = fields[kind] else {
            throw Broken("\(kind): no object")
        }
        guard fields.may.isSuperset(of: object.keys), fields.must.isSubset(of: object.keys) else {
            throw Broken("\(kind): \(object.keys.sorted())")
        }
        return object
    }

    private static func list(_ value: Any?) throws -> [Any] {
        guard let value else { return [] }
        guard let list = value as? [Any] else { throw Broken("No list: \(value)") }
        return list
    }

    private static func path(_ value: Any?, _ known: inout Set<String>) throws -> String {
        guard let path = value as? String, path.hasPrefix("/"), !path.hasSuffix("/"), !path.contains("//"),
            !path.split(separator: "/").contains(".."), known.insert(path).inserted
        else { throw Broken("No path of its own: \(value ?? "-")") }
        return path
    }

    private static func mode(_ value: Any?) throws -> Int {
        guard let mode = value as? Int, (0...0o777).contains(mode) else { throw Broken("No mode: \(value ?? "-")") }
        return mode
    }

    private static func text(of source: String?) throws -> String {
        guard let source else { throw Broken("No source.") }
        if source.hasPrefix("data:;base64,"), let data = Data(base64Encoded: String(source.dropFirst(13))) {
            return String(decoding: data, as: UTF8.self)
        }
        let written = source.dropFirst("data:,".count)
        let isAllowed = written.utf8.allSatisfy { (0x21...0x7E).contains($0) && !"\"<>\\^`{|}#+".utf8.contains($0) }
        guard source.hasPrefix("data:,"), isAllowed, let text = written.removingPercentEncoding else {
            throw Broken("No data URL: \(source)")
        }
        return text
    }
}
