import Glibc
import Runtime

/// Chance that can be had again: a failure names its seed, and FUZZ_SEED=… runs the same inputs.
package struct Fuzz: RandomNumberGenerator, Sendable {
    /// What FUZZ_SEED must say to get this stream again.
    package let seed: UInt64
    private var state: UInt64

    /// A stream of its own for each `purpose`; its seed is printed.
    package init(_ purpose: String) {
        let chosen = getenv("FUZZ_SEED").flatMap { UInt64(String(cString: $0)) }
        let seed = chosen ?? UInt64(Randomness.system.integer(in: 0...Int(UInt32.max)))
        self.seed = seed
        state = purpose.utf8.reduce(seed ^ 0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
        print("fuzzing \(purpose): FUZZ_SEED=\(seed), \(Self.count(of: 1)) times its share")
    }

    /// How many inputs to try; FUZZ_FACTOR multiplies it.
    package static func count(of standard: Int) -> Int {
        standard * (getenv("FUZZ_FACTOR").flatMap { Int(String(cString: $0)) } ?? 1)
    }

    /// SplitMix64: fast, and good enough to reach every input.
    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var bits = state
        bits = (bits ^ (bits >> 30)) &* 0xBF58_476D_1CE4_E5B9
        bits = (bits ^ (bits >> 27)) &* 0x94D0_49BB_1331_11EB
        return bits ^ (bits >> 31)
    }

    package mutating func number(_ range: ClosedRange<Int>) -> Int {
        range.lowerBound + Int(next() % UInt64(range.upperBound - range.lowerBound + 1))
    }

    /// True once in `count` times.
    package mutating func once(in count: Int) -> Bool { number(1...count) == 1 }

    package mutating func pick<Element>(_ choices: [Element]) -> Element { choices[number(0...choices.count - 1)] }

    /// Pieces after one another, most of them good, some of them chance.
    package mutating func text(of pieces: [String], _ count: ClosedRange<Int>) -> String {
        (0..<number(count)).map { _ in once(in: 12) ? junk() : pick(pieces) }.joined()
    }

    /// A short text that somebody who means harm would try.
    package mutating func junk() -> String {
        let nasty = [
            "\u{0}", "\n", "\r\n", " ", "\t", "/", "//", "..", "%", "%00", "%2F", "%zz", ":", "@", "?", "&", "=", "+",
            "-",
            "\"", "\\", "'", "{", "}", "[", "]", ",", "é", "ｎ", "🐳", "\u{202E}", "\u{FEFF}", "A", "0",
            "9223372036854775807",
            "9223372036854775808", "99999999999999999999", "-1", "null", "sha256:", "latest", "~", ";", "*",
        ]
        return once(in: 3) ? String(Character(Unicode.Scalar(UInt32(number(1...0xD7FF))) ?? "x")) : pick(nasty)
    }

    /// The text with a few characters taken out, doubled, exchanged or put in.
    package mutating func mutated(_ text: String, times: ClosedRange<Int> = 1...3) -> String {
        var characters = Array(text)
        for _ in 0..<number(times) {
            let place = number(0...max(0, characters.count - 1))
            switch number(0...4) {
            case 0 where !characters.isEmpty: characters.remove(at: place)
            case 1 where !characters.isEmpty: characters.insert(characters[place], at: place)
            case 2 where !characters.isEmpty: characters.swapAt(place, number(0...characters.count - 1))
            case 3 where characters.count > 1: characters.removeSubrange(place...)
            default: characters.insert(contentsOf: junk(), at: min(place, characters.count))
            }
        }
        return String(characters)
    }
}
