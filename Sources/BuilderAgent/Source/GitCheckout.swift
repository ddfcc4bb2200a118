import Domain
import Foundation
import Logging

/// Brings a commit with its submodules onto the builder.
struct GitCheckout: Sendable {
    /// How long git may be silent while it clones or checks out, and how long all submodules may take.
    /// Source: Quay 13.3.
    struct Limits: Sendable {
        var idle: Duration = .seconds(180)
        var submodules: Duration = .seconds(900)
    }

    let runner: CommandRunner
    let logger: Logger
    var limits = Limits()

    /// Checks `source` out into `folder`, which must not be there yet; the key lies in `private` while git needs it.
    ///
    /// Throws ``BuildFailure`` with the code of the step that failed, or `CancellationError`.
    func perform(
        _ source: BuildGitSource, into folder: URL, private secrets: URL, base: [String: String], log: BuildOutput
    ) async throws {
        let keyFile = source.privateKey.map { _ in secrets.appending(path: "git-key") }
        let knownHosts = secrets.appending(path: "git-known-hosts")
        let plan: GitPlan
        do {
            plan = try GitPlan(source, checkout: folder, keyFile: keyFile, knownHosts: knownHosts, base: base)
        } catch { throw BuildFailure(.gitFailure, "\(error)") }
        if let keyFile, let key = source.privateKey {
            // ssh refuses a key without a newline at its end.
            try PrivateFile.write(key.text.hasSuffix("\n") ? key.text : key.text + "\n", to: keyFile)
        }
        try PrivateFile.write(source.knownHosts, to: knownHosts)
        defer {
            for file in [keyFile, knownHosts].compactMap({ $0 }) { try? FileManager.default.removeItem(at: file) }
        }
        logger.info("cloning", metadata: ["url": "\(plan.shownURL)", "commit": "\(source.commit)"])
        try await run(plan.clone, failing: .gitFailure, limits: .init(idle: limits.idle, total: nil), log: log)
        try await run(plan.checkOut, failing: .gitCheckout, limits: .init(idle: limits.idle, total: nil), log: log)
        let slow = CommandRunner.Limits(idle: nil, total: limits.submodules)
        try await run(plan.updateSubmodules, failing: .gitCheckout, limits: slow, log: log)
        try await makeLinks(plan, in: folder)
        if let forget = plan.forgetCredentials {
            try await run(forget, failing: .gitCheckout, limits: slow, log: log)
        }
    }

    private func makeLinks(_ plan: GitPlan, in folder: URL) async throws {
        let quiet = BuildOutput { _ in }
        let folders = FolderList()
        try await run(
            plan.listSubmodules, failing: .gitCheckout, limits: .none,
            log: BuildOutput { await folders.append($0) })
        let root = folder.resolvingSymlinksInPath().pathComponents
        for path in [folder.path] + (await folders.paths) {
            // A submodule lies inside the checkout; a strange path is not touched.
            guard URL(fileURLWithPath: path).resolvingSymlinksInPath().pathComponents.starts(with: root) else {
                continue
            }
            try await run(plan.makeLinks(in: path), failing: .gitCheckout, limits: .none, log: quiet)
        }
    }

    private func run(
        _ command: Command, failing code: BuildFailureCode, limits: CommandRunner.Limits, log: BuildOutput
    ) async throws {
        do {
            let result = try await runner.run(command, limits: limits) { await log.write($0) }
            guard result.isSuccess else { throw BuildFailure(code, result.complaint) }
        } catch let error as CommandError { throw BuildFailure(code, error.description) }
    }
}

private actor FolderList {
    private(set) var paths: [String] = []

    func append(_ path: String) { paths.append(path) }
}
