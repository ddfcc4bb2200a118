/// How much a YAML text may ask for before it is refused.
package struct YAMLLimits: Sendable {
    /// Bytes of text.
    package var maximumBytes: Int
    /// Lists and mappings within each other.
    package var maximumDepth: Int
    /// Values, counting those behind an alias again at each use ("billion laughs").
    package var maximumNodes: Int

    package init(maximumBytes: Int = 1 << 20, maximumDepth: Int = 50, maximumNodes: Int = 50_000) {
        self.maximumBytes = maximumBytes
        self.maximumDepth = maximumDepth
        self.maximumNodes = maximumNodes
    }
}
