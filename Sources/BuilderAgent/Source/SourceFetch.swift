import Domain
import Foundation
import Logging

/// Brings the source of a build into its workspace and finds context and Dockerfile in it.
struct SourceFetch: Sendable {
    /// The two places, as absolute paths, and the Dockerfile's text.
    struct Found: Sendable {
        let context: URL
        let dockerfile: URL
        let text: String
    }

    let runner: CommandRunner
    let logger: Logger

    /// Throws ``BuildFailure``, or `CancellationError`.
    func perform(
        _ pack: BuildPack, in workspace: BuildWorkspace, environment: [String: String], log: BuildOutput
    ) async throws -> Found {
        var place: ContextPath
        do {
            place = try ContextPath(context: pack.context, dockerfile: pack.dockerfilePath)
            switch pack.source {
            case .git(let git):
                let checkout = GitCheckout(runner: runner, logger: logger)
                try await checkout.perform(
                    git, into: workspace.source, private: workspace.folder, base: environment, log: log)
            case .package(let package):
                if try await fetch(package, in: workspace) == .bareDockerfile {
                    // A package of one file has one place for it.
                    place = try ContextPath(context: "/", dockerfile: "Dockerfile")
                }
            }
            let (context, dockerfile) = try place.resolve(in: workspace.source)
            return Found(context: context, dockerfile: dockerfile, text: try Self.text(dockerfile))
        } catch let error as ContextPath.Refused { throw BuildFailure(.dockerfileIssue, error.description) }
    }

    private enum Fetched { case tree, bareDockerfile }

    private func fetch(_ package: BuildPackage, in workspace: BuildWorkspace) async throws -> Fetched {
        let file = workspace.folder.appending(path: "package")
        defer { try? FileManager.default.removeItem(at: file) }
        try FileManager.default.createDirectory(at: workspace.source, withIntermediateDirectories: false)
        switch try await ArchiveDownload(logger: logger).fetch(package, to: file) {
        case .archive(let archive):
            try await TarExtraction().perform(archive, into: workspace.source)
            return .tree
        case .dockerfile(let dockerfile):
            try FileManager.default.moveItem(at: dockerfile, to: workspace.source.appending(path: "Dockerfile"))
            return .bareDockerfile
        }
    }

    private static func text(_ file: URL) throws -> String {
        let handle: FileHandle
        do { handle = try FileHandle(forReadingFrom: file) } catch {
            throw BuildFailure(.dockerfileIssue, "The Dockerfile can't be read.")
        }
        defer { try? handle.close() }
        let bytes = try handle.read(upToCount: ArchiveDownload.maximumDockerfileBytes + 1) ?? Data()
        guard bytes.count <= ArchiveDownload.maximumDockerfileBytes else {
            throw BuildFailure(.dockerfileIssue, "The Dockerfile is larger than 1 MiB.")
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw BuildFailure(.dockerfileIssue, "Could not parse Dockerfile: it isn't UTF-8 text.")
        }
        return text
    }
}
