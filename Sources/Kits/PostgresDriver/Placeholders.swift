/// Turns the `?` of portable SQL into PostgreSQL's `$1`, `$2`, ….
///
/// Question marks in string literals, quoted names and comments stay; so does everything else.
struct Placeholders {
    let sql: String
    let count: Int
    /// Positions (from 0) of placeholders that `IS` follows: there PostgreSQL can't tell the type of a NULL by itself.
    let untyped: Set<Int>

    init(_ text: String) {
        var scanner = Scanner(text)
        scanner.scan()
        self.sql = String(decoding: scanner.output, as: UTF8.self)
        self.count = scanner.count
        self.untyped = scanner.untyped
    }
}

private struct Scanner {
    private let input: [UInt8]
    private var position = 0
    private(set) var output: [UInt8] = []
    private(set) var count = 0
    private(set) var untyped: Set<Int> = []

    init(_ text: String) {
        self.input = Array(text.utf8)
        output.reserveCapacity(input.count + 16)
    }

    mutating func scan() {
        while position < input.count {
            let byte = input[position]
            let next = position + 1 < input.count ? input[position + 1] : 0
            switch byte {
            case UInt8(ascii: "?"): placeholder()
            case UInt8(ascii: "'"), UInt8(ascii: "\""): quoted(by: byte)
            case UInt8(ascii: "-") where next == byte: copy(while: { $0 != UInt8(ascii: "\n") })
            case UInt8(ascii: "/") where next == UInt8(ascii: "*"): comment()
            default: copy(1)
            }
        }
    }

    private mutating func placeholder() {
        position += 1
        if isFollowedByIs() { untyped.insert(count) }
        count += 1
        output += Array("$\(count)".utf8)
    }

    private func isFollowedByIs() -> Bool {
        let rest = input[position...].drop { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\n") }
        guard rest.count > 2, rest.startIndex > position else { return false }
        return String(decoding: rest.prefix(3), as: UTF8.self).uppercased() == "IS "
    }

    // A doubled quote ends one literal and begins the next: the same result, without a rule of its own.
    private mutating func quoted(by quote: UInt8) {
        copy(1)
        copy(while: { $0 != quote })
        copy(1)
    }

    private mutating func comment() {
        var depth = 0
        repeat {
            let pair = input[position...].prefix(2)
            if pair.elementsEqual("/*".utf8) {
                depth += 1
                copy(2)
            } else if pair.elementsEqual("*/".utf8) {
                depth -= 1
                copy(2)
            } else {
                copy(1)
            }
        } while depth > 0 && position < input.count
    }

    private mutating func copy(while matches: (UInt8) -> Bool) {
        let part = input[position...].prefix(while: matches)
        copy(part.count)
    }

    private mutating func copy(_ count: Int) {
        let end = min(position + count, input.count)
        output += input[position..<end]
        position = end
    }
}
