import Domain
import Foundation
import Testing

@testable import Buildman

@Suite("Job ledger") struct JobLedgerTests {
    static let start = Date(timeIntervalSince1970: 1_700_000_000)
    static func after(_ seconds: Double) -> Date { start.addingTimeInterval(seconds) }
    static let record = OrchestratorContractTests.record(1)
    static let key = record.key

    @Test("many changes of one job are written as the last of them") func gathers() {
        var ledger = JobLedger()
        ledger.put(Self.record, expiresAt: Self.after(60))
        for second in 1...100 {
            ledger.move(Self.key, expiresAt: Self.after(60 + Double(second)), at: Self.after(Double(second)))
        }
        #expect(ledger.takeChanges(10) == [.put(Self.record, expiresAt: Self.after(160), heardAt: Self.after(100))])
        #expect(!ledger.hasChanges)
        ledger.remove(Self.key)
        #expect(ledger.takeChanges(10) == [.remove(Self.key)])
    }

    @Test("another manager's job is only moved, and not after its end") func foreign() {
        var ledger = JobLedger()
        ledger.move(Self.key, expiresAt: Self.after(1), at: Self.start)
        #expect(ledger.takeChanges(10) == [.move(Self.key, expiresAt: Self.after(1))])
        ledger.remove(Self.key)
        ledger.move(Self.key, expiresAt: Self.after(2), at: Self.start)
        #expect(ledger.takeChanges(10) == [.remove(Self.key)])
        ledger.put(Self.record, expiresAt: Self.after(3))
        ledger.release(Self.key)
        #expect(!ledger.hasChanges)
        #expect(ledger.keys.isEmpty)
    }

    @Test("what could not be written is written later, unless it is out of date") func givenBack() {
        var ledger = JobLedger()
        ledger.put(Self.record, expiresAt: Self.after(60))
        var batch = ledger.takeChanges(10)
        ledger.giveBack(batch)
        #expect(ledger.takeChanges(10) == batch)
        ledger.remove(Self.key)
        ledger.giveBack(batch)
        batch = ledger.takeChanges(10)
        #expect(batch == [.remove(Self.key)])
        ledger.put(Self.record, expiresAt: Self.after(90))
        ledger.giveBack(batch)
        #expect(ledger.takeChanges(10) == [.put(Self.record, expiresAt: Self.after(90), heardAt: nil)])
        ledger.giveBack(batch)
        #expect(!ledger.hasChanges)
    }

    @Test("no more than so many at once, and all of them after a loss") func limits() {
        var ledger = JobLedger()
        for attempt in 1...7 { ledger.put(OrchestratorContractTests.record(attempt), expiresAt: Self.after(60)) }
        #expect(ledger.takeChanges(5).count == 5)
        #expect(ledger.takeChanges(5).count == 2)
        #expect(ledger.takeChanges(5).isEmpty)
        ledger.everythingMayBeLost()
        #expect(ledger.takeChanges(10).count == 7)
        ledger.isMissing(Self.key)
        ledger.isMissing(OrchestratorContractTests.record(99).key)
        #expect(ledger.takeChanges(10).map(\.key) == [Self.key])
    }
}

@Suite("Steady sight") struct SteadySightTests {
    @Test("it takes a while without a break") func steady() {
        let start = Date(timeIntervalSince1970: 0)
        var sight = SteadySight(longestGap: .seconds(15))
        #expect(!sight.isSteady(for: .zero, at: start))
        for second in stride(from: 0.0, through: 55, by: 5) { sight.looked(at: start.addingTimeInterval(second)) }
        #expect(!sight.isSteady(for: .seconds(60), at: start.addingTimeInterval(55)))
        sight.looked(at: start.addingTimeInterval(60))
        #expect(sight.isSteady(for: .seconds(60), at: start.addingTimeInterval(60)))
        // The database could not be read.
        sight.failed()
        sight.looked(at: start.addingTimeInterval(65))
        #expect(!sight.isSteady(for: .seconds(60), at: start.addingTimeInterval(65)))
        sight.looked(at: start.addingTimeInterval(75))
        #expect(sight.isSteady(for: .seconds(10), at: start.addingTimeInterval(75)))
        // The manager was asleep.
        sight.looked(at: start.addingTimeInterval(91))
        #expect(!sight.isSteady(for: .seconds(10), at: start.addingTimeInterval(91)))
        // The clock was set back.
        sight.looked(at: start.addingTimeInterval(80))
        #expect(!sight.isSteady(for: .seconds(10), at: start.addingTimeInterval(80)))
        #expect(sight.isSteady(for: .seconds(10), at: start.addingTimeInterval(90)))
    }
}
