import Foundation
import Testing

@testable import Domain

@Suite("Expiry of tags") struct TagExpirationTests {
    private let start = Date(timeIntervalSince1970: 1_700_000_000)

    @Test(
        "the asked moment, or the nearest allowed one, measured from the tag's start",
        arguments: [
            // asked, now, end: seconds after the start
            (7200.0, 0.0, 7200.0), (60, 0, 3600), (3600, 3599, 3600), (1e12, 0, 62_899_200),
            (62_899_201, 5, 62_899_200),
            // Asked long after the start for a moment that is allowed: that moment, whatever is left of it.
            (90_000, 89_999, 90_000),
        ])
    func clamps(_ asked: Double, _ now: Double, _ end: Double) throws {
        #expect(
            try TagExpiration.standard.end(asked: start + asked, start: start, now: start + now) == start + end)
    }

    @Test(
        "a moment that is not ahead is refused, and so is an end that the clamp would put in the past",
        arguments: [(10.0, 10.0), (-1, 0), (5000, 6000), (70_000_000, 63_000_000)])
    func refuses(_ asked: Double, _ now: Double) {
        #expect(throws: TagExpiration.Refused.self) {
            try TagExpiration.standard.end(asked: start + asked, start: start, now: start + now)
        }
    }

    @Test("a lifetime is half-open", arguments: [(nil, 9e9, true), (10.0, 9.999, true), (10.0, 10.0, false)])
    func lifetime(_ end: Double?, _ moment: Double, _ isAlive: Bool) {
        let lifetime = TagLifetime(start: start, end: end.map { start + $0 })
        #expect(lifetime.isAlive(at: start + moment) == isAlive)
    }
}
