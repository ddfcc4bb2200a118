/// What was read is no compressed data, or not all of it.
package struct GzipError: Error, Sendable, Hashable, CustomStringConvertible {
    package let reason: String
    package var description: String { "The compressed data can't be read: \(reason)." }
}
