/// What SGR sequences have switched on: a colour of the page's sixteen for text and ground, and a few attributes.
///
/// Colours of the 256-colour table and 24-bit colours become the nearest of the sixteen, so that a page needs no inline
/// style and both colour schemes keep their contrast. Blinking and concealed text stay plain: nothing in a log may hide.
struct AnsiStyle: Sendable, Hashable {
    /// 0-7 the basic colours, 8-15 the bright ones.
    private(set) var foreground: Int?
    private(set) var background: Int?
    private(set) var isBold = false
    private(set) var isDim = false
    private(set) var isItalic = false
    private(set) var isUnderlined = false
    private(set) var isStruck = false
    private(set) var isInverse = false

    /// The class names of a run, in a fixed order; empty for plain text.
    var classes: String {
        var names: [String] = []
        if let foreground { names.append("f\(foreground)") }
        if let background { names.append("g\(background)") }
        if isBold { names.append("b") }
        if isDim { names.append("d") }
        if isItalic { names.append("i") }
        if isUnderlined { names.append("u") }
        if isStruck { names.append("s") }
        if isInverse { names.append("v") }
        return names.joined(separator: " ")
    }

    /// Reads the parameters of an SGR sequence; nil when it is a private sequence or absurdly long.
    ///
    /// Numbers are separated by `;` or `:`, a missing one is 0, and no more than 32 are looked at.
    static func parameters(_ scalars: ArraySlice<Unicode.Scalar>) -> [Int]? {
        var numbers: [Int] = [0]
        for scalar in scalars {
            switch scalar {
            case "0"..."9":
                numbers[numbers.count - 1] = min(numbers[numbers.count - 1] * 10 + Int(scalar.value) - 48, 65_535)
            case ";", ":":
                guard numbers.count < 32 else { return nil }
                numbers.append(0)
            default: return nil
            }
        }
        return numbers
    }

    mutating func apply(_ parameters: [Int]) {
        var rest = parameters[...]
        while let code = rest.popFirst() {
            switch code {
            case 0: self = AnsiStyle()
            case 1: isBold = true
            case 2: isDim = true
            case 3: isItalic = true
            case 4, 21: isUnderlined = true
            case 7: isInverse = true
            case 9: isStruck = true
            case 22: (isBold, isDim) = (false, false)
            case 23: isItalic = false
            case 24: isUnderlined = false
            case 27: isInverse = false
            case 29: isStruck = false
            case 30...37: foreground = code - 30
            case 38: if let colour = Self.colour(&rest) { foreground = colour }
            case 39: foreground = nil
            case 40...47: background = code - 40
            case 48: if let colour = Self.colour(&rest) { background = colour }
            case 49: background = nil
            case 90...97: foreground = code - 82
            case 100...107: background = code - 92
            default: continue
            }
        }
    }

    /// What follows 38 or 48: `5;n` or `2;r;g;b`.
    private static func colour(_ rest: inout ArraySlice<Int>) -> Int? {
        switch rest.popFirst() {
        case 5: return rest.popFirst().flatMap(indexed)
        case 2:
            guard rest.count >= 3 else {
                rest = []
                return nil
            }
            let parts = Array(rest.prefix(3))
            rest = rest.dropFirst(3)
            return nearest(parts[0], parts[1], parts[2])
        default: return nil
        }
    }

    /// A number of the 256-colour table as one of the sixteen.
    private static func indexed(_ number: Int) -> Int? {
        switch number {
        case 0...15: number
        case 16...231: nearest(level((number - 16) / 36), level((number - 16) / 6 % 6), level((number - 16) % 6))
        case 232...255: nearest((number - 232) * 10 + 8, (number - 232) * 10 + 8, (number - 232) * 10 + 8)
        default: nil
        }
    }

    private static func level(_ step: Int) -> Int { step == 0 ? 0 : step * 40 + 55 }

    private static func nearest(_ red: Int, _ green: Int, _ blue: Int) -> Int? {
        palette.indices.min { distance(palette[$0], red, green, blue) < distance(palette[$1], red, green, blue) }
    }

    private static func distance(_ colour: [Int], _ red: Int, _ green: Int, _ blue: Int) -> Int {
        let (r, g, b) = (colour[0] - min(red, 255), colour[1] - min(green, 255), colour[2] - min(blue, 255))
        return r * r + g * g + b * b
    }

    /// The sixteen as xterm has them, only to measure distances with.
    private static let palette: [[Int]] = [
        [0, 0, 0], [205, 0, 0], [0, 205, 0], [205, 205, 0], [0, 0, 238], [205, 0, 205], [0, 205, 205], [229, 229, 229],
        [127, 127, 127], [255, 0, 0], [0, 255, 0], [255, 255, 0], [92, 92, 255], [255, 0, 255], [0, 255, 255],
        [255, 255, 255],
    ]
}
