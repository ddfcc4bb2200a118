import NIOCore
import Testing

@testable import RegistryLite

@Suite("Pace of connections") struct PaceRuleTests {
    private let limits: ConnectionLimits
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)

    init() {
        var limits = ConnectionLimits()
        (limits.header, limits.idle, limits.body, limits.bodyRate) = (.seconds(30), .seconds(120), .seconds(60), 500)
        self.limits = limits
    }

    private func at(_ seconds: Int64) -> NIODeadline { start + .seconds(seconds) }

    private func opened() -> PaceRule { PaceRule(limits: limits, openedAt: start) }

    private func reading() -> PaceRule {
        var rule = opened()
        rule.headCame(at: start)
        rule.wantsBody(at: start)
        return rule
    }

    @Test("the first request must come within the time for heads") func first() {
        var rule = opened()
        #expect(rule.verdict(at: at(29)) == nil)
        #expect(rule.verdict(at: at(30)) == .slowHead)
        #expect(!rule.hasBegunHead)
    }

    @Test("a head that drips is cut, counted from its first byte") func drippingHead() {
        var rule = opened()
        rule.headCame(at: start)
        rule.requestEnded(at: start)
        rule.answerEnded(at: at(1))
        rule.bytesCame(at: at(50))
        #expect(rule.hasBegunHead)
        for second in stride(from: Int64(51), to: 80, by: 1) {
            rule.bytesCame(at: at(second))
            #expect(rule.verdict(at: at(second)) == nil)
        }
        #expect(rule.verdict(at: at(80)) == .slowHead)
    }

    @Test("a connection may rest between requests, for its time") func rests() {
        var rule = opened()
        rule.headCame(at: start)
        rule.requestEnded(at: start)
        #expect(rule.verdict(at: at(10_000)) == nil, "the answer takes as long as it takes")
        rule.answerEnded(at: at(10_000))
        #expect(rule.verdict(at: at(10_119)) == nil)
        #expect(rule.verdict(at: at(10_120)) == .idle)
    }

    @Test("a body that drips is cut; one that is fast enough is not", arguments: [(499, true), (500, false)])
    func drippingBody(rate: Int, isCut: Bool) {
        var rule = reading()
        for second in Int64(1)...59 {
            rule.bodyCame(rate, at: at(second))
            rule.wantsBody(at: at(second))
            #expect(rule.verdict(at: at(second)) == nil)
        }
        rule.bodyCame(rate, at: at(60))
        rule.wantsBody(at: at(60))
        #expect(rule.verdict(at: at(60)) == (isCut ? .slowBody : nil))
    }

    @Test("each window is judged for itself: a fast beginning buys nothing") func windows() {
        var rule = reading()
        rule.bodyCame(100_000_000, at: at(1))
        rule.wantsBody(at: at(1))
        #expect(rule.verdict(at: at(60)) == nil)
        #expect(rule.verdict(at: at(120)) == .slowBody)
    }

    @Test("a body that the server does not ask for is never too slow") func ownSlowness() {
        var rule = opened()
        rule.headCame(at: start)
        rule.wantsBody(at: start)
        rule.bodyCame(10, at: at(1))
        #expect(rule.verdict(at: at(60)) == nil)
        #expect(rule.verdict(at: at(6000)) == nil)
    }

    @Test("a body behind its answer must go on coming") func behindItsAnswer() {
        var rule = reading()
        rule.answerEnded(at: at(1))
        #expect(rule.isReadingBody)
        #expect(rule.verdict(at: at(61)) == .slowBody)
    }

    @Test("several requests behind each other rest when the last is answered") func pipelined() {
        var rule = opened()
        for _ in 0..<3 {
            rule.headCame(at: start)
            rule.requestEnded(at: start)
        }
        rule.answerEnded(at: at(1))
        rule.answerEnded(at: at(2))
        #expect(rule.verdict(at: at(9000)) == nil)
        rule.answerEnded(at: at(9000))
        #expect(rule.verdict(at: at(9119)) == nil)
        #expect(rule.verdict(at: at(9120)) == .idle)
    }
}
