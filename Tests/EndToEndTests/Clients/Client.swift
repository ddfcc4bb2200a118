import Foundation
import TestSupport

/// Real programs that talk to a registry.
enum Client {
    struct Failed: Error, CustomStringConvertible { let description: String }

    /// Python with the ORAS client, made by `scripts/install-oras`.
    static let oras = Programs.root.appending(path: ".venv-oras/bin/python").path

    /// Runs a program to its end and answers what it printed. Errors: ``Failed``.
    @discardableResult
    static func run(
        _ program: String, _ arguments: String..., environment: [String: String] = [:]
    ) async throws -> String {
        try await run(program, arguments, environment: environment)
    }

    @discardableResult
    static func run(
        _ program: String, _ arguments: [String], environment: [String: String] = [:]
    ) async throws -> String {
        let child = try ChildProcess(program, arguments, environment: environment)
        let code = try await child.exit(within: .seconds(180))
        guard code == 0 else {
            throw Failed(
                description: "\(program) \(arguments.joined(separator: " ")): \(code)\n\(child.printed)")
        }
        return child.printed.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// Whether a program is on this machine; said aloud where it is not.
    static func isHere(_ path: String) -> Bool {
        let isHere = FileManager.default.isExecutableFile(atPath: path)
        if !isHere { print("SKIPPED: \(path) is not installed.") }
        return isHere
    }

    /// The words that make podman or buildah keep everything in `folder`, and run what they run with runc.
    static func storage(in folder: TemporaryFolder, of program: String) -> [String] {
        // podman wants a short path there.
        let rooms = [
            "--root", folder.path(program), "--runroot", folder.path("r"), "--storage-driver", "vfs",
        ]
        return program == "podman" ? rooms + ["--runtime", "runc", "--events-backend", "file"] : rooms
    }
}
