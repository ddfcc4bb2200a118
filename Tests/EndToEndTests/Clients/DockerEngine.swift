import TestSupport

/// Docker's engine with a folder and a socket of its own, without networks: it only pulls and pushes here.
final class DockerEngine: Sendable {
    private let engine: ChildProcess
    private let socket: String
    private let configuration: String

    private init(_ engine: ChildProcess, socket: String, configuration: String) {
        self.engine = engine
        self.socket = socket
        self.configuration = configuration
    }

    /// nil where the engine can't run, such as in a container without the rights.
    static func start(in folder: TemporaryFolder) async throws -> DockerEngine? {
        let socket = folder.path("docker.sock")
        let process = try ChildProcess(
            "/usr/sbin/dockerd",
            [
                "--data-root", folder.path("docker-data"), "--exec-root", folder.path("docker-exec"), "--pidfile",
                folder.path("docker.pid"), "--host", "unix://\(socket)", "--iptables=false", "--ip6tables=false",
                "--bridge=none", "--storage-driver", "vfs",
            ])
        do { try await process.line(containing: "API listen on", within: .seconds(40)) } catch {
            print("docker's engine: \(process.printed.split(separator: "\n").suffix(3).joined(separator: "\n"))")
            return nil
        }
        return DockerEngine(process, socket: socket, configuration: folder.path("docker-config"))
    }

    @discardableResult
    func docker(_ words: String...) async throws -> String {
        try await Client.run("/usr/bin/docker", ["--config", configuration, "--host", "unix://\(socket)"] + words)
    }

    /// Gently: it starts other programs that only it can end.
    func stop() { engine.send(signal: 15) }
}
