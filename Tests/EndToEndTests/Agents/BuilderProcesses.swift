import Foundation
import Glibc

/// The processes of one build's builders, as this machine sees them.
struct BuilderProcesses {
    /// The build's id; attempts of all numbers count.
    let build: String

    /// The agents: one for each attempt that is at work.
    var agents: [pid_t] { marked.filter { Self.read("\($0)/comm").hasPrefix("BuilderAgent") } }

    /// Everything that carries the build's mark, and everything behind the same walls, whatever it carries.
    var all: Set<pid_t> { Set(marked).union(processes(in: walls)) }

    /// The process namespaces of the build's builders.
    var walls: Set<String> {
        Set(marked.compactMap { Self.namespace($0) }.filter { $0 != Self.namespace(getpid()) })
    }

    /// What runs in one of those namespaces.
    func processes(in walls: Set<String>) -> [pid_t] {
        Self.every.filter { process in
            guard let namespace = Self.namespace(process), walls.contains(namespace) else { return false }
            return !Self.isZombie(process)
        }
    }

    private var marked: [pid_t] {
        let mark = "BUILDMAN_JOB=\(build)-"
        return Self.every.filter { Self.read("\($0)/environ").contains(mark) && !Self.isZombie($0) }
    }

    private static var every: [pid_t] {
        ((try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []).compactMap { pid_t($0) }
    }

    private static func namespace(_ process: pid_t) -> String? {
        try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(process)/ns/pid")
    }

    private static func isZombie(_ process: pid_t) -> Bool {
        let stat = read("\(process)/stat")
        return stat.isEmpty || stat.drop { $0 != ")" }.dropFirst(2).first == "Z"
    }

    /// Empty for what is gone meanwhile.
    private static func read(_ path: String) -> String {
        FileManager.default.contents(atPath: "/proc/\(path)").map { String(decoding: $0, as: UTF8.self) } ?? ""
    }
}
