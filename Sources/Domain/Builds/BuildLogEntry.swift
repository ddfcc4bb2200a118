/// One entry of a build's log.
package struct BuildLogEntry: Sendable, Hashable {
    /// What an entry is besides output. The raw value is the `type` of the API.
    package enum Kind: String, Sendable, Hashable, CaseIterable {
        /// A build step begins; the output that follows is its own.
        case command
        /// The message is the name of the new ``BuildPhase``.
        case phase
        /// The message says why the build failed.
        case error
    }

    package let message: String
    /// Nil for plain output.
    package let kind: Kind?
    /// Further facts, such as `datetime`, `error_code` or `base_image`.
    package let data: [String: String]

    package init(message: String, kind: Kind? = nil, data: [String: String] = [:]) {
        self.message = message
        self.kind = kind
        self.data = data
    }
}
