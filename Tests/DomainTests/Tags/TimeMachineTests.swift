import Foundation
import Testing

@testable import Domain

@Suite("The time machine") struct TimeMachineTests {
    private let now = Date(timeIntervalSince1970: 1_700_000_000)

    @Test(
        "a tag is beyond restoring when its window is over, and not a moment earlier",
        arguments: [
            (0, 0.0, true), (0, -1.0, true), (0, 1.0, false), (86_400, -86_399.999, false), (86_400, -86_400.0, true),
            (86_400, -86_401.0, true), (-5, 0.0, true),
        ])
    func window(_ seconds: Int, _ ended: Double, _ isOver: Bool) {
        let machine = TimeMachine(seconds: seconds)
        let end = now + ended
        #expect(machine.isOver(forTagEndedAt: end, at: now) == isOver)
        // The collector asks the other way round, in SQL: the two must agree.
        #expect((end <= machine.horizon(at: now)) == isOver)
        #expect((machine.deadline(ofTagEndedAt: end) <= now) == isOver)
    }
}
