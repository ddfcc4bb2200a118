/// One step of a schema: append-only, applied once, in order. It only adds; what two versions of the program may meet
/// while one replaces the other must suit both.
package struct Migration: Sendable {
    /// Starts at 1 and rises by one.
    package let number: Int
    package let name: String
    package let apply: @Sendable (any Transaction) throws -> Void

    package init(_ number: Int, _ name: String, apply: @escaping @Sendable (any Transaction) throws -> Void) {
        self.number = number
        self.name = name
        self.apply = apply
    }
}
