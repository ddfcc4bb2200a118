/// The line with which a container runtime announces the next Dockerfile step.
///
/// Docker writes `Step 2/5 : RUN make`, buildah and podman `STEP 2/5: RUN make` with `[1/2] ` before it when there are
/// several stages. Source: Quay 13.7.
package struct BuildStepMarker: Sendable, Hashable {
    package let number: Int
    /// Nil when the runtime doesn't say how many there are.
    package let total: Int?

    /// Nil when `line` doesn't begin with a marker.
    package init?(line: String) {
        var text = Substring(line).drop(while: \.isWhitespace)
        if text.first == "[" {
            guard let end = text.firstIndex(of: "]") else { return nil }
            text = text[text.index(after: end)...].drop(while: \.isWhitespace)
        }
        guard text.prefix(5).lowercased() == "step " else { return nil }
        text = text.dropFirst(5).drop(while: \.isWhitespace)
        guard let number = Self.takeNumber(from: &text) else { return nil }
        self.number = number
        if text.first == "/" {
            text = text.dropFirst()
            guard let total = Self.takeNumber(from: &text) else { return nil }
            self.total = total
        } else {
            self.total = nil
        }
        guard text.drop(while: \.isWhitespace).first == ":" else { return nil }
    }

    private static func takeNumber(from text: inout Substring) -> Int? {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        text = text[digits.endIndex...]
        return Int(digits)
    }
}
