import Foundation
import Testing

@testable import RegistryLite

@Suite("Moments and spans on pages") struct PageTimeTests {
    private let now = Date(timeIntervalSince1970: 1_795_568_523)

    @Test("is readable in UTC and exact for machines") func formats() {
        let time = PageTime(now, now: now)
        #expect(time.machine == "2026-11-25T01:02:03Z")
        #expect(time.full == "25 Nov 2026, 01:02 UTC")
    }

    @Test(
        "says how long ago",
        arguments: [
            (-50, "just now"), (0, "just now"), (44, "just now"), (45, "1 minute ago"), (119, "1 minute ago"),
            (120, "2 minutes ago"), (3_599, "59 minutes ago"), (3_600, "1 hour ago"), (86_400, "1 day ago"),
            (40 * 86_400, "1 month ago"), (800 * 86_400, "2 years ago"),
        ])
    func ago(_ seconds: Int, _ text: String) {
        #expect(PageTime(now.addingTimeInterval(-Double(seconds)), now: now).relative == text)
    }

    @Test(
        "knows the calendar",
        arguments: [
            (0.0, "1970-01-01T00:00:00Z"), (-1, "1969-12-31T23:59:59Z"), (951_782_400, "2000-02-29T00:00:00Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"), (1_709_164_800, "2024-02-29T00:00:00Z"),
        ])
    func calendar(_ seconds: Double, _ text: String) {
        #expect(CivilTime(Date(timeIntervalSince1970: seconds)).machine == text)
    }

    @Test("reads the moments of log entries, and nothing else") func reads() {
        #expect(CivilTime.moment("2026-11-25 01:02:03.500000") == now.addingTimeInterval(0.5))
        #expect(CivilTime.moment("2026-11-25T01:02:03Z") == now)
        for text in ["", "2026-13-01 00:00:00", "2026-11-25", "<b>", "2026-11-25 01:02:03\n"] {
            #expect(CivilTime.moment(text) == nil, "\(text)")
        }
    }

    @Test(
        "shows spans in their two largest units",
        arguments: [
            (-3.0, "0 s"), (0, "0 s"), (0.4, "under 1 s"), (59.9, "59 s"), (72, "1 min 12 s"), (7_380, "2 h 3 min"),
            (90_000, "1 d 1 h"),
        ])
    func spans(_ seconds: Double, _ text: String) { #expect(PageDuration(seconds: seconds).text == text) }
}
