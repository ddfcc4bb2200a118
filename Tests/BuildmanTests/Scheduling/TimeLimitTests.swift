import Runtime
import Testing

@testable import Buildman

@Suite("Time limits", .timeLimit(.minutes(1))) struct TimeLimitTests {
    struct Broken: Error {}

    @Test("what comes in time is answered, errors as well") func inTime() async throws {
        let value = await TimeLimit.run(.seconds(60), clock: .system) { 7 }
        #expect(try value?.get() == 7)
        let error = await TimeLimit.run(.seconds(60), clock: .system) { () async throws -> Int in throw Broken() }
        #expect(throws: Broken.self) { try error?.get() }
    }

    @Test("a call that hangs, and hears no cancellation, is left alone; what it comes to is not lost")
    func late() async throws {
        let gate = Gate()
        let late = AsyncStream.makeStream(of: Int.self)
        let value = await TimeLimit.run(.milliseconds(20), clock: .system, late: { late.continuation.yield($0) }) {
            await gate.untilOpen()
            return 7
        }
        #expect(value == nil)
        await gate.open()
        for await number in late.stream {
            #expect(number == 7)
            break
        }
    }

    @Test("who is cancelled waits no longer") func cancelled() async throws {
        let (gate, began) = (Gate(), Gate())
        let late = AsyncStream.makeStream(of: Int.self)
        let task = Task {
            await TimeLimit.run(.seconds(3600), clock: .system, late: { late.continuation.yield($0) }) {
                await began.open()
                await gate.untilOpen()
                return 7
            }
        }
        await began.untilOpen()
        task.cancel()
        #expect(await task.value == nil)
        await gate.open()
        for await number in late.stream {
            #expect(number == 7)
            break
        }
    }
}
