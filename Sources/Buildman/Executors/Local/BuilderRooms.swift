import Domain
import Foundation
import Glibc
import OCI

/// The folders in which builders of this machine live: one for each attempt, gone with it.
///
/// ```
/// <base>/attempts/<job>/   the builder's home, its storage and everything else of its own (0700, the builder's user)
/// <base>/state/<job>       the line of /proc/<pid>/stat of its first process, written before it does anything (0700)
/// <base>/state/<job>.log   what it printed
/// <base>/work/             where a builder with walls finds its home, whichever attempt it is
/// ```
struct BuilderRooms: Sendable {
    let base: String
    /// Who builders run as; nil: as this program.
    let owner: BuilderUser?

    var work: String { "\(base)/work" }
    var attempts: String { "\(base)/attempts" }
    private var state: String { "\(base)/state" }

    func home(of key: JobKey) -> String { "\(attempts)/\(key)" }
    func stateFile(of key: JobKey) -> String { "\(state)/\(key)" }
    func logFile(of key: JobKey) -> String { "\(state)/\(key).log" }

    /// Makes the folders that all builders share.
    func prepare() throws {
        // Builders pass through the first two to their own; nobody else looks into the others.
        try make(base, 0o711)
        try make(attempts, 0o711)
        try make(state, 0o700)
        try make(work, 0o711)
    }

    /// Makes an attempt's home, empty and its own.
    func makeHome(of key: JobKey) throws {
        for folder in ["", "/tmp", "/run"] {
            let path = home(of: key) + folder
            try make(path, 0o700)
            if let owner, chown(path, owner.userID, owner.groupID) != 0 {
                throw ExecutorFailure("\(path) can't be given to \(owner.name): \(String(cString: strerror(errno)))")
            }
        }
    }

    /// Attempts of which something is left.
    func known() -> Set<JobKey> {
        let names = [attempts, state].flatMap { (try? FileManager.default.contentsOfDirectory(atPath: $0)) ?? [] }
        return Set(names.compactMap { try? JobKey($0) })
    }

    /// The first process of an attempt, as it noted itself; nil when it never began.
    func mark(of key: JobKey) -> ProcessMark? {
        guard let stat = try? String(contentsOfFile: stateFile(of: key), encoding: .utf8) else { return nil }
        return ProcessMark(stat: stat)
    }

    /// The end of what an attempt's builder printed, for a log.
    func lastWords(of key: JobKey) -> String {
        guard let handle = FileHandle(forReadingAtPath: logFile(of: key)) else { return "" }
        defer { try? handle.close() }
        let size = (try? handle.seekToEnd()) ?? 0
        try? handle.seek(toOffset: size > 2000 ? size - 2000 : 0)
        let text = String(decoding: (try? handle.readToEnd()) ?? Data(), as: UTF8.self)
        return text.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// Forgets the process of an attempt, whose home is gone.
    func forget(_ key: JobKey) {
        unlink(logFile(of: key))
        unlink(stateFile(of: key))
    }

    private func make(_ path: String, _ mode: mode_t) throws {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        guard chmod(path, mode) == 0 else {
            throw ExecutorFailure("\(path) can't be prepared: \(String(cString: strerror(errno)))")
        }
    }
}

/// The unprivileged user that builders of this machine run as.
struct BuilderUser: Sendable, Hashable {
    /// Source: scripts/install-packages, which creates it.
    static let defaultName = "buildman-builder"

    let name: String
    let userID: uid_t
    let groupID: gid_t

    /// Nil when the machine has no such user.
    init?(named name: String) {
        var record = passwd()
        var found: UnsafeMutablePointer<passwd>?
        var buffer = [CChar](repeating: 0, count: 16_384)
        guard getpwnam_r(name, &record, &buffer, buffer.count, &found) == 0, found != nil else { return nil }
        self.name = name
        self.userID = record.pw_uid
        self.groupID = record.pw_gid
    }
}

extension BuilderRooms {
    /// Where builders live unless told otherwise: for root, outside the data directory, which their user can't enter; else
    /// inside it, since there is one user only.
    static func defaultBase(dataDirectory: String) -> String {
        guard getuid() == 0 else { return "\(dataDirectory)/builders" }
        // Two data directories of one machine have rooms of their own.
        let name = Digest(of: Array(dataDirectory.utf8)).hex.prefix(12)
        return "/var/lib/buildman/\(name)"
    }
}
