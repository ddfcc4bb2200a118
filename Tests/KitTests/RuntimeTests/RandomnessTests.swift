import Runtime
import Testing

@Suite("Randomness") struct RandomnessTests {
    /// Answers the same bytes again and again.
    private static func repeating(_ byte: UInt8) -> Randomness { Randomness { Array(repeating: byte, count: $0) } }

    @Test("gives as many bytes as asked for, and not the same twice")
    func bytes() {
        #expect(Randomness.system.bytes(0).isEmpty)
        let (first, second) = (Randomness.system.bytes(32), Randomness.system.bytes(32))
        #expect(first.count == 32 && second.count == 32 && first != second)
    }

    @Test(
        "a number stays in its range, also at the ends of what an Int can hold",
        arguments: [0...0, -3...3, 1...6, 0...Int.max, Int.min...Int.max, Int.max...Int.max])
    func integers(range: ClosedRange<Int>) {
        for _ in 0..<200 { #expect(range.contains(Randomness.system.integer(in: range))) }
        for byte: UInt8 in [0, 255] { #expect(range.contains(Self.repeating(byte).integer(in: range))) }
    }

    @Test("a text has the length and the alphabet that were asked for")
    func texts() {
        let alphabet = Array("ab")
        let text = Randomness.system.text(200, from: alphabet)
        #expect(text.count == 200 && Set(text) == Set(alphabet))
        #expect(Self.repeating(0).text(3, from: alphabet) == "aaa")
    }
}

@Suite("Identifiers") struct IdentifiersTests {
    @Test("a UUID is 36 characters of lower case, and new every time")
    func uuids() {
        let made = (0..<100).map { _ in Identifiers.system.uuid() }
        #expect(Set(made).count == 100)
        #expect(made.allSatisfy { $0.count == 36 && $0 == $0.lowercased() && $0.filter { $0 == "-" }.count == 4 })
    }
}

@Suite("The clock") struct WallClockTests {
    @Test("a sleeper wakes with an error as soon as its task is cancelled")
    func cancels() async {
        let task = Task { try await WallClock.system.sleep(for: .seconds(3600)) }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
    }

    @Test("time does not run backwards between two looks")
    func runsForwards() {
        let first = WallClock.system.now
        #expect(WallClock.system.now >= first)
    }
}
