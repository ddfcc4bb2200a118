import Foundation

/// Starts the Python servers that stand in for AWS.
enum MotoProcess {
    /// Runs a script of this folder on a free port; the first one on this machine installs moto.
    static func start(
        _ script: String, keys: (id: String, secret: String)
    ) async throws -> (port: Int, process: ChildProcess) {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().path
        let installation = try ChildProcess(root + "/scripts/install-moto")
        guard try await installation.exit(within: .seconds(300)) == 0 else {
            throw ChildProcess.Failed(description: installation.printed)
        }
        // Another program may take the free port before the server does.
        for attempt in 1... {
            let port = try FreePort.find()
            do {
                let process = try ChildProcess(
                    root + "/.venv-moto/bin/python",
                    ["-B", "\(root)/Tests/Support/\(script)", "\(port)", keys.id, keys.secret])
                try await process.line(containing: "Running on", within: .seconds(60))
                return (port, process)
            } catch  where attempt < 5 {
                continue
            }
        }
        throw ChildProcess.Failed(description: "\(script) does not start.")
    }
}
