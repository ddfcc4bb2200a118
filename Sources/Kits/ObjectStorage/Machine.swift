import Foundation
import Runtime

/// The machine between two of its starts: what is written but not synced survives a program, and no longer than this.
enum Machine {
    /// Different after each start of the machine; where the kernel doesn't say, after each start of the program.
    static let boot: String = {
        let kernel = try? String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8)
        return kernel?.trimmingCharacters(in: .whitespacesAndNewlines) ?? Identifiers.system.uuid()
    }()
}
