/// A token, password or key of a build: prints as dots, so that it can't reach a log by accident.
package struct BuildSecret: Sendable, Hashable, CustomStringConvertible, CustomReflectable {
    package let text: String

    package init(_ text: String) { self.text = text }

    package var description: String { "•••" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
