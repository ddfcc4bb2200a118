import Dispatch
import Foundation
import Synchronization

/// Standard error, line by line. What is written is out when the program dies; what is held is written a moment later,
/// with whatever is held by then, or before the next line that is written.
enum StandardError {
    /// How long lines are held back.
    private static let moment: DispatchTimeInterval = .milliseconds(100)
    /// With so many bytes held the moment is over.
    private static let many = 65_536
    /// Nobody reads standard error: further lines are lost rather than kept.
    private static let tooMany = 8 << 20

    private struct Held {
        var bytes: [UInt8] = []
        var isWriteDue = false
    }

    private static let held = Mutex(Held())
    private static let turn = Mutex(())
    private static let queue = DispatchQueue(label: "standard error")

    @Sendable static func write(_ line: String) { drain(adding: line) }

    @Sendable static func hold(_ line: ArraySlice<UInt8>) {
        let due: DispatchTimeInterval? = held.withLock { held in
            guard held.bytes.count < tooMany else { return nil }
            let wasMany = held.bytes.count >= many
            held.bytes += line
            if held.bytes.count >= many, !wasMany { return .milliseconds(0) }
            guard !held.isWriteDue else { return nil }
            held.isWriteDue = true
            return moment
        }
        if let due { queue.asyncAfter(deadline: .now() + due) { drain() } }
    }

    static func flush() { drain() }

    private static func drain(adding line: String = "") {
        // One line after the other, also when a line is longer than a pipe takes at once.
        turn.withLock { _ in
            var bytes = held.withLock { held in
                defer { held = Held() }
                return held.bytes
            }
            bytes += line.utf8
            var written = 0
            while written < bytes.count {
                let count = bytes.withUnsafeBytes {
                    Foundation.write(STDERR_FILENO, $0.baseAddress?.advanced(by: written), bytes.count - written)
                }
                if count < 0, errno == EINTR { continue }
                // Nobody reads standard error any more: there is nowhere left to say so.
                guard count > 0 else { return }
                written += count
            }
        }
    }
}
