import Runtime
import Testing

@testable import BuilderAgent

@Suite("Backoff") struct BackoffTests {
    @Test("doubles up to its limit, and begins anew after an answer") func doubles() {
        // Always the smallest number that may come.
        let smallest = Randomness { [UInt8](repeating: 0, count: $0) }
        var backoff = Backoff(first: .milliseconds(250), longest: .seconds(2), randomness: smallest)
        let half: [Duration] = [125, 250, 500, 1000, 1000].map { .milliseconds($0) }
        #expect((0..<5).map { _ in backoff.next() } == half)
        backoff.reset()
        #expect(backoff.next() == .milliseconds(125))
    }

    @Test("is a random part, at least half, of its step: agents don't come back together") func jitter() {
        var pauses: Set<Duration> = []
        for _ in 0..<200 {
            var backoff = Backoff(first: .seconds(1), longest: .seconds(2))
            let pause = backoff.next()
            #expect(pause >= .milliseconds(500) && pause <= .seconds(1))
            pauses.insert(pause)
        }
        #expect(pauses.count > 50)
    }

    @Test("never waits longer than its limit, even at first") func limit() {
        var backoff = Backoff(first: .seconds(9), longest: .milliseconds(10))
        #expect(backoff.next() <= .milliseconds(10))
    }
}
