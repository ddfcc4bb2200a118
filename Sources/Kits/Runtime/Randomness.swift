/// Random bytes and numbers: the only source of chance in the product.
///
/// ``system`` is cryptographically secure (the kernel's generator); tests pass a seeded source.
package struct Randomness: Sendable {
    private let fill: @Sendable (Int) -> [UInt8]

    /// - Parameter bytes: answers exactly as many random bytes as it is asked for.
    package init(bytes: @escaping @Sendable (_ count: Int) -> [UInt8]) { self.fill = bytes }

    package static let system = Randomness { count in
        var generator = SystemRandomNumberGenerator()
        return (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
    }

    package func bytes(_ count: Int) -> [UInt8] { fill(count) }

    /// A whole number in `range`, close to uniform (64 random bits folded by remainder).
    package func integer(in range: ClosedRange<Int>) -> Int {
        let bits = bytes(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        let width = UInt64(bitPattern: Int64(range.upperBound &- range.lowerBound)) &+ 1
        return width == 0 ? Int(truncatingIfNeeded: bits) : range.lowerBound &+ Int(truncatingIfNeeded: bits % width)
    }

    /// A string of `count` characters, each chosen from `alphabet`.
    package func text(_ count: Int, from alphabet: [Character]) -> String {
        String((0..<count).map { _ in alphabet[integer(in: 0...alphabet.count - 1)] })
    }
}
