package import Runtime

/// Which Buildman process an attempt belongs to. Shape of ``text``: `<name>/<instance>`, where the name is its host and
/// port, the same after a restart, and the instance eight characters, different for each process.
package struct ManagerIdentity: Sendable, Hashable {
    package let text: String

    /// A new process of that name.
    package init(name: String, identifiers: Identifiers) {
        text = "\(name)/\(identifiers.uuid().prefix(8))"
    }

    /// As an attempt names it.
    package init(_ text: String) { self.text = text }

    /// Host and port.
    package var name: String {
        guard let slash = text.lastIndex(of: "/") else { return text }
        return String(text[..<slash])
    }
}
