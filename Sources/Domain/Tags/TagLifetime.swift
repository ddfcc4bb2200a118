package import Foundation

/// The moments at which a tag points at one manifest.
///
/// Half-open: alive at `start`, no longer at `end`; whole milliseconds. `end == nil` means until moved or deleted.
/// Source: Quay, tag rows.
package struct TagLifetime: Sendable, Hashable {
    package let start: Date
    package let end: Date?

    package init(start: Date, end: Date? = nil) {
        self.start = start
        self.end = end
    }

    /// Whether the end has not come at `moment`. A start that lies ahead, by the clock of another server, counts as come.
    package func isAlive(at moment: Date) -> Bool { end.map { $0 > moment } ?? true }
}
