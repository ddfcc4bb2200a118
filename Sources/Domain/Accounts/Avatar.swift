/// The coloured letter that stands for an account: no picture is fetched from anywhere.
///
/// Source: Quay, avatar object. `hash` is made by the edge, from ``hashedText``.
package struct Avatar: Sendable, Hashable {
    package enum Kind: String, Sendable, Hashable { case user, robot, team, organization = "org", application = "app" }

    package let name: String
    package let kind: Kind
    /// What is hashed: the trimmed lower-case e-mail address, or the name where there is none.
    package let hashedText: String

    package init(name: String, kind: Kind, email: String? = nil) {
        self.name = name
        self.kind = kind
        let text = email.flatMap { $0.isEmpty ? nil : $0 } ?? name
        self.hashedText = String(
            text.lowercased().drop { $0.isWhitespace }.reversed().drop { $0.isWhitespace }.reversed())
    }

    /// The colour for a hash's first byte: one of 32.
    package static func color(firstByte: UInt8) -> String { palette[Int(firstByte) % palette.count] }

    /// 32 colours that white letters can be read on.
    private static let palette = [
        "#8c5a2b", "#1f6f8b", "#5b4b8a", "#2d6a4f", "#a63d40", "#355070", "#6d597a", "#b56576", "#457b9d", "#1d3557",
        "#6a4c93", "#386641", "#7f5539", "#9a031e", "#0f4c5c", "#5f0f40", "#2a6f97", "#468189", "#774936", "#3d405b",
        "#4a5759", "#606c38", "#283618", "#bc4749", "#495057", "#5e548e", "#9f2042", "#3a5a40", "#343a40", "#0b6e4f",
        "#7b2d26", "#1b4965",
    ]
}
