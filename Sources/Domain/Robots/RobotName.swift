/// The full name of a robot account: its namespace, a plus sign, and a short name that follows the username rule.
package struct RobotName: Sendable, Hashable, CustomStringConvertible {
    package struct Malformed: Error, Sendable, Hashable {
        package let text: String
        package var message: String { "Invalid robot name: it must have the form namespace+name." }
    }

    package let namespace: Username
    package let shortName: Username

    package init(namespace: Username, shortName: Username) {
        self.namespace = namespace
        self.shortName = shortName
    }

    /// Parses `namespace+short`; throws ``Malformed``.
    package init(_ text: String) throws(Malformed) {
        let parts = text.split(separator: "+", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2 else { throw Malformed(text: text) }
        do {
            self.init(namespace: try Username(parts[0]), shortName: try Username(parts[1]))
        } catch {
            throw Malformed(text: text)
        }
    }

    package var text: String { "\(namespace)+\(shortName)" }
    package var description: String { text }
}
