import Foundation
import Runtime

/// A folder of a test's own, removed with everything in it when the value goes away.
package final class TemporaryFolder: Sendable {
    /// Absolute, without a slash at the end.
    package let path: String

    package init() throws {
        path = FileManager.default.temporaryDirectory.path + "/test-" + Identifiers.system.uuid()
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit {
        do {
            try FileManager.default.removeItem(atPath: path)
        } catch {
            print("The test folder \(path) stays behind: \(error)")
        }
    }

    /// The path of `name` inside the folder, existing or not.
    package func path(_ name: String) -> String { "\(path)/\(name)" }

    /// Writes a file of that name and answers its path.
    @discardableResult
    package func write(_ text: String, to name: String) throws -> String {
        try Data(text.utf8).write(to: URL(fileURLWithPath: path(name)))
        return path(name)
    }

    package func read(_ name: String) throws -> String {
        String(decoding: try Data(contentsOf: URL(fileURLWithPath: path(name))), as: UTF8.self)
    }
}
