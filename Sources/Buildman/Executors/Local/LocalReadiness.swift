import Foundation
import Glibc
import Subprocess

/// Whether this machine can run builders, and what to do about it if not.
struct LocalReadiness: Sendable {
    let settings: BuilderCommand.Settings
    let rooms: BuilderRooms
    let isBehindWalls: Bool
    /// Nobody but its owner may look into it.
    let dataDirectory: String

    /// A sentence for each thing that is missing; empty when a builder can be started.
    func problems() async -> [String] {
        var problems: [String] = []
        if access(settings.program, X_OK) != 0 {
            problems.append(
                "The builder program \(settings.program) is not there, or can't be executed: "
                    + "set BUILDER_BINARY_LOCATION of the local executor.")
        }
        if Self.lookUp(settings.runtime) == nil {
            problems.append(
                "\(settings.runtime) is not installed, and the local executor builds with it: "
                    + "run scripts/install-packages run, or apt-get install \(Self.package(of: settings.runtime)).")
        }
        if !isBehindWalls, settings.isolation == "chroot" {
            problems.append(
                "BUILDAH_ISOLATION: chroot is no wall by itself, and only root can build others: leave it out, or run "
                    + "Buildman as root.")
        }
        if isBehindWalls {
            problems += await wallProblems()
        } else {
            problems += subordinateProblems(of: Self.userName)
        }
        return problems
    }

    private func wallProblems() async -> [String] {
        for tool in ["unshare", "setpriv", "mount"] where Self.lookUp(tool) == nil {
            return ["\(tool) is missing, which keeps builds away from this machine: apt-get install util-linux mount."]
        }
        guard let user = rooms.owner else {
            return [
                "The user \(BuilderUser.defaultName) does not exist, and builds don't run as root: "
                    + "run scripts/install-packages run, which creates it."
            ]
        }
        var problems = subordinateProblems(of: user.name)
        var status = stat()
        if stat(dataDirectory, &status) == 0, status.st_mode & 0o077 != 0 {
            problems.append(
                "Others may look into the data directory \(dataDirectory), and so could a build: "
                    + "chmod 700 \(dataDirectory).")
        }
        if problems.isEmpty, !(await canUnshare()) {
            problems.append(
                "This system refuses new namespaces (unshare), without which builds would see its processes: "
                    + "run Buildman with CAP_SYS_ADMIN, or outside of a container.")
        }
        return problems
    }

    private func subordinateProblems(of user: String) -> [String] {
        guard settings.runtime != "docker" else { return [] }
        guard Self.lookUp("newuidmap") != nil else {
            return ["newuidmap is missing, which rootless builds need: apt-get install uidmap."]
        }
        let lacks = ["/etc/subuid", "/etc/subgid"].filter { path in
            let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
            return !text.split(separator: "\n").contains { $0.hasPrefix("\(user):") || $0.hasPrefix("\(getuid()):") }
        }
        guard !lacks.isEmpty else { return [] }
        return [
            "The user \(user) has no ids to give to builds in \(lacks.joined(separator: " and ")): "
                + "usermod --add-subuids 2000000-2065535 --add-subgids 2000000-2065535 \(user)."
        ]
    }

    private func canUnshare() async -> Bool {
        do {
            let result = try await run(
                .name("unshare"),
                arguments: ["--pid", "--mount", "--ipc", "--fork", "--mount-proc", "--", "true"], output: .discarded)
            return result.terminationStatus.isSuccess
        } catch { return false }
    }

    /// Where PATH finds a program.
    static func lookUp(_ program: String) -> String? {
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map(String.init)
        return (folders + ["/usr/sbin", "/usr/bin", "/sbin", "/bin"]).map { "\($0)/\(program)" }
            .first { access($0, X_OK) == 0 }
    }

    private static func package(of runtime: String) -> String { runtime == "docker" ? "docker.io" : runtime }

    private static var userName: String {
        getpwuid(getuid()).map { String(cString: $0.pointee.pw_name) } ?? String(getuid())
    }
}
