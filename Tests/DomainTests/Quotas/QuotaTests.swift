import Domain
import Testing

@Suite("Quotas") struct QuotaTests {
    private static let quota = Quota(
        id: 1, limitBytes: 1000, limitTags: 10,
        limits: [
            QuotaLimit(id: 1, kind: .reject, percent: 90), QuotaLimit(id: 2, kind: .warning, percent: 80),
            QuotaLimit(id: 3, kind: .warning, percent: 50),
        ])

    @Test(
        "a growth is refused above the Reject limit and not at it; what doesn't grow is never refused",
        arguments: [
            (1, 0, 900, 0, false), (1, 0, 901, 0, true), (0, 0, 5000, 0, false), (0, 1, 0, 9, false),
            (0, 1, 0, 10, true),
            // More tags while the bytes are over, and the other way round: only what grows counts.
            (0, 1, 5000, 3, false), (5, 0, 800, 50, false), (5, 1, 901, 3, true),
        ])
    func refuses(_ bytes: Int64, _ tags: Int64, _ usedBytes: Int64, _ usedTags: Int64, _ isRefused: Bool) {
        let refusal = Self.quota.refusal(
            of: QuotaUsage(bytes: bytes, tags: tags), to: QuotaUsage(bytes: usedBytes, tags: usedTags))
        #expect((refusal != nil) == isRefused, "\(refusal ?? "-")")
    }

    @Test("a warning is crossed once: by the push that goes over it")
    func crosses() {
        let quota = Self.quota
        func crossed(_ growth: Int64, _ usage: Int64) -> Int {
            quota.crossed(by: QuotaUsage(bytes: growth, tags: 0), to: QuotaUsage(bytes: usage, tags: 0)).count
        }
        #expect(crossed(100, 500) == 0)
        #expect(crossed(100, 501) == 1)
        #expect(crossed(100, 700) == 0)
        #expect(crossed(400, 850) == 2)
        #expect(crossed(0, 850) == 0)
    }

    @Test("the sentence names the highest limit, its percentage and the whole quota")
    func says() {
        #expect(
            Self.quota.exceeded(.warning, by: QuotaUsage(bytes: 850, tags: 0)) == [
                "more than 80 % of the namespace's quota of 1000 bytes",
                "more than 50 % of the namespace's quota of 1000 bytes",
            ])
        #expect(
            Self.quota.refusal(of: QuotaUsage(bytes: 0, tags: 1), to: QuotaUsage(bytes: 0, tags: 10))
                == "more than 90 % of the namespace's quota of 10 tags")
    }

    @Test(
        "a part is rounded down and never overflows",
        arguments: [
            (Int64(1000), 90, Int64(900)), (3, 50, 1), (.max, 100, .max), (.max, 99, 9_131_138_316_486_228_048),
        ]
    )
    func parts(_ whole: Int64, _ percent: Int, _ part: Int64) {
        #expect(QuotaLimit(id: nil, kind: .reject, percent: percent).part(of: whole) == part)
    }

    @Test("the room ends at the Reject limit; without one there is no end")
    func room() {
        #expect(Self.quota.roomBytes(at: QuotaUsage(bytes: 300, tags: 0)) == 600)
        #expect(Self.quota.roomBytes(at: QuotaUsage(bytes: 3000, tags: 0)) == 0)
        #expect(Quota(id: 1, limitBytes: 5, limits: []).roomBytes(at: .nothing) == nil)
        #expect(Quota.system(rejectingAbove: 7).roomBytes(at: .nothing) == 7)
    }
}
