import Foundation
import TestSupport

/// What `strace -f -y` wrote down of a process: system calls in the order in which they began and ended.
struct SystemCalls {
    struct Call {
        /// As strace has it, with paths behind descriptors: `fsync(23</data/x>) = 0`.
        let text: String
        /// Positions in the trace: of two calls the one that `began` after the other `ended` came later.
        let began: Int
        let ended: Int
        var succeeded: Bool { text.hasSuffix(" = 0") || !text.contains(" = -1 ") }
    }

    let calls: [Call]

    /// The words that start a program under strace, which writes to `file`.
    static func launcher(writingTo file: String) -> [String] {
        [
            "strace", "-f", "-y", "-s", "64", "-o", file, "-e",
            "trace=fsync,fdatasync,rename,renameat,renameat2,mkdir,write,writev,pwrite64,sendto,sendmsg",
        ]
    }

    /// Whether this machine lets a process be traced.
    static let mayTrace: Bool = {
        let probe = Process()
        probe.executableURL = URL(fileURLWithPath: "/usr/bin/strace")
        probe.arguments = ["-f", "-o", "/dev/null", "true"]
        probe.standardError = FileHandle.nullDevice
        do { try probe.run() } catch { return false }
        probe.waitUntilExit()
        if probe.terminationStatus != 0 { print("SKIPPED: the order of syncs, because strace may not trace here.") }
        return probe.terminationStatus == 0
    }()

    /// Ends the traced program, and with it the tracer, which then has written everything.
    static func stop(_ tracer: Server) async throws {
        try await Client.run("pkill", "-TERM", "--parent", "\(tracer.identifier ?? 0)")
        try await tracer.exit()
    }

    init(trace: String) {
        var calls: [Call] = []
        var unfinished: [Substring: (text: String, began: Int)] = [:]
        for (number, line) in trace.split(separator: "\n").enumerated() {
            guard let space = line.firstIndex(of: " ") else { continue }
            let process = line[..<space]
            let text = line[space...].trimmingCharacters(in: .whitespaces)
            if let cut = text.range(of: " <unfinished ...>") {
                unfinished[process] = (String(text[..<cut.lowerBound]), number)
            } else if text.hasPrefix("<..."), let open = unfinished.removeValue(forKey: process),
                let rest = text.range(of: "resumed>")
            {
                calls.append(
                    Call(text: open.text + text[rest.upperBound...], began: open.began, ended: number))
            } else {
                calls.append(Call(text: text, began: number, ended: number))
            }
        }
        self.calls = calls.sorted { $0.began < $1.began }
    }

    /// The first call of that name, with all of `parts` in it, that began after `moment`.
    func first(_ name: String, _ parts: String..., after moment: Int = -1) -> Call? {
        calls.first { call in
            call.began > moment && call.text.hasPrefix("\(name)(") && parts.allSatisfy { call.text.contains($0) }
        }
    }

    /// The last call of that name, with `part` in it, that ended before `moment`.
    func last(_ name: String, _ part: String, before moment: Int) -> Call? {
        calls.last { $0.ended < moment && $0.text.hasPrefix("\(name)(") && $0.text.contains(part) }
    }
}
