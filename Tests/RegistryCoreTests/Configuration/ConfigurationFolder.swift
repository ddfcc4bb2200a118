import Foundation
import RegistryCore

/// A temporary working directory with configuration files in it.
final class ConfigurationFolder {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("configuration-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func write(_ name: String, _ text: String) throws {
        let file = URL(fileURLWithPath: path).appendingPathComponent(name)
        try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: file)
    }

    func load(
        _ option: String? = nil, audience: Audience = .registryLite, environment: [String: String] = [:]
    ) throws -> Configuration {
        try ConfigurationLoader(
            audience: audience, option: option, dataDirectory: path + "/data", environment: environment,
            workingDirectory: path
        ).load()
    }

    /// Loads `text` as config.yaml.
    static func load(
        _ text: String, audience: Audience = .registryLite, environment: [String: String] = [:]
    ) throws -> Configuration {
        let folder = try ConfigurationFolder()
        try folder.write("config.yaml", text)
        return try folder.load(audience: audience, environment: environment)
    }

    /// The errors that `text` gives, as printed.
    static func errors(_ text: String, audience: Audience = .registryLite) throws -> [String] {
        do { _ = try load(text, audience: audience) } catch let problems as ConfigurationProblems {
            return problems.problems.filter { $0.severity == .error }.map(\.description)
        }
        return []
    }
}
