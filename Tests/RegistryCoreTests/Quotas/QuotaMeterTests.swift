import Domain
import Foundation
import NIOCore
import OCI
import ObjectStorage
import SQL
import TestSupport
import Testing

@testable import RegistryCore

@Suite("Measuring pushes") struct QuotaMeterTests {
    private static func text(_ size: Int, _ letter: Character = "x") -> String {
        String(repeating: letter, count: size)
    }

    @Test(
        "a blob counts once per namespace, in each namespace, uploaded or mounted", arguments: TestDatabase.allEngines)
    func countsOnce(_ engine: TestDatabase.Engine) async throws {
        let desk = try await QuotaDesk(engine)
        try await desk.upload(Self.text(7, "o"))
        // What was there before the quota counts too.
        try await desk.limit(bytes: 1000, (.reject, 100))
        try await desk.limit(bytes: 1000, of: "other")
        #expect(try await desk.usage()?.bytes == 7)
        let blob = try await desk.upload(Self.text(100))
        try await desk.upload(Self.text(100))
        try await desk.upload(Self.text(100), to: "owner/second")
        #expect(try await desk.usage()?.bytes == 107)
        let mounted = try await desk.core.registry.blobUploads.mount(
            blob.digest, from: desk.proof(), in: desk.proof("owner/second"))
        #expect(mounted == blob)
        #expect(try await desk.usage()?.bytes == 107)
        #expect(try await desk.usage(of: "other")?.bytes == 0)
        try await desk.upload(Self.text(100), to: "other/app")
        #expect(try await desk.usage(of: "other")?.bytes == 100)
        #expect(try await desk.usage() == desk.truth())
    }

    @Test(
        "SEC-Resource exhaustion: a push over the Reject limit is refused and leaves nothing behind",
        arguments: TestDatabase.allEngines)
    func refuses(_ engine: TestDatabase.Engine) async throws {
        let desk = try await QuotaDesk(engine)
        try await desk.limit(bytes: 1000, (.reject, 50))
        try await desk.upload(Self.text(400))
        let access = try await desk.proof()
        let uploads = desk.core.registry.blobUploads
        let bytes = Self.text(101, "y")
        let upload = try await uploads.begin(in: access)
        let error = await #expect(throws: RegistryError.self) {
            try await uploads.finish(
                upload.uuid, with: QuotaDesk.stream(bytes), digest: Digest(of: Array(bytes.utf8)), in: access)
        }
        #expect(error?.kind == .denied)
        #expect(error?.message.contains("quota") == true)
        #expect(try await desk.usage()?.bytes == 400)
        #expect(try await desk.number("SELECT COUNT(*) FROM blob") == 1)
        // Exactly to the limit is not over it, and a full namespace refuses the next upload at once.
        try await desk.upload(Self.text(100, "z"))
        #expect(try await CoreFixture.kind { _ = try await uploads.begin(in: access) } == .denied)
        // What is there may be used in another repository of the namespace.
        let kept = Digest(of: Array(Self.text(400).utf8))
        #expect(try await uploads.mount(kept, from: access, in: desk.proof("owner/second")) != nil)
        #expect(try await desk.usage()?.bytes == 500)
    }

    @Test("a refusal that only the end of an upload finds removes its row and its object")
    func removesTheObject() async throws {
        let desk = try await QuotaDesk(.sqlite)
        let access = try await desk.proof()
        let uploads = desk.core.registry.blobUploads
        let bytes = Self.text(101, "y")
        let upload = try await uploads.begin(in: access)
        _ = try await uploads.append(QuotaDesk.stream(bytes), to: upload.uuid, in: access)
        try await desk.limit(bytes: 100, (.reject, 100))
        let none: AsyncThrowingStream<ByteBuffer, any Error>? = nil
        let kind = try await CoreFixture.kind {
            _ = try await uploads.finish(upload.uuid, with: none, digest: Digest(of: Array(bytes.utf8)), in: access)
        }
        #expect(kind == .denied)
        #expect(try await desk.number("SELECT COUNT(*) FROM blob_upload") == 0)
        #expect(try await desk.number("SELECT COUNT(*) FROM blob") == 0)
        let key = try ObjectKey(area: "blobs", identifier: upload.uuid)
        #expect(try await desk.core.platform.objects.content(of: key) == nil)
    }

    @Test(
        "mounting from another namespace counts, and is refused when there is no room",
        arguments: TestDatabase.allEngines)
    func mounts(_ engine: TestDatabase.Engine) async throws {
        let desk = try await QuotaDesk(engine)
        let blob = try await desk.upload(Self.text(100), to: "other/app")
        try await desk.limit(bytes: 150, (.reject, 100))
        let source = try await desk.proof("other/app")
        let uploads = desk.core.registry.blobUploads
        #expect(try await uploads.mount(blob.digest, from: source, in: desk.proof()) != nil)
        #expect(try await desk.usage()?.bytes == 100)
        let second = try await desk.upload(Self.text(51, "z"), to: "other/app")
        let kind = try await CoreFixture.kind {
            _ = try await uploads.mount(second.digest, from: source, in: desk.proof())
        }
        #expect(kind == .denied)
        #expect(try await desk.usage()?.bytes == 100)
    }

    @Test(
        "a warning is said as long as it holds, and written to the usage log once", arguments: TestDatabase.allEngines)
    func warns(_ engine: TestDatabase.Engine) async throws {
        let desk = try await QuotaDesk(engine)
        try await desk.limit(bytes: 1000, (.warning, 30), (.warning, 20), (.reject, 90))
        let meter = desk.core.registry.quotaMeter
        try await desk.upload(Self.text(200))
        #expect(try await meter.warning(in: desk.proof()) == nil)
        try await desk.upload(Self.text(50, "a"))
        #expect(try await meter.warning(in: desk.proof())?.contains("20 %") == true)
        try await desk.upload(Self.text(50, "b"))
        #expect(try await desk.number("SELECT COUNT(*) FROM audit_log WHERE kind = 'quota_warning'") == 1)
        try await desk.upload(Self.text(50, "c"))
        #expect(try await meter.warning(in: desk.proof())?.contains("30 %") == true)
        #expect(try await desk.number("SELECT COUNT(*) FROM audit_log WHERE kind = 'quota_warning'") == 2)
        #expect(try await meter.warning(in: desk.proof("other/app")) == nil)
    }

    @Test("of pushes that race to the limit, as many are accepted as have room", arguments: TestDatabase.allEngines)
    func races(_ engine: TestDatabase.Engine) async throws {
        let desk = try await QuotaDesk(engine)
        try await desk.limit(bytes: 350, (.reject, 100))
        let outcomes = try await withThrowingTaskGroup(of: Bool.self) { group in
            for letter in "abcdefgh" {
                group.addTask {
                    let kind = try await CoreFixture.kind { try await desk.upload(Self.text(100, letter)) }
                    #expect(kind == nil || kind == .denied)
                    return kind == nil
                }
            }
            return try await group.reduce(into: [Bool]()) { $0.append($1) }
        }
        #expect(outcomes.filter { $0 }.count == 3)
        #expect(try await desk.usage() == QuotaUsage(bytes: 300, tags: 0))
        #expect(try await desk.truth() == QuotaUsage(bytes: 300, tags: 0))
    }

    @Test(
        "what was collected makes room at once when it is said, within a minute when it is not",
        arguments: TestDatabase.allEngines)
    func falls(_ engine: TestDatabase.Engine) async throws {
        let desk = try await QuotaDesk(engine)
        try await desk.limit(bytes: 100, (.reject, 100))
        try await desk.upload(Self.text(100))
        #expect(try await CoreFixture.kind { try await desk.upload("more") } == .denied)
        try await desk.collect("owner/app")
        try await desk.upload(Self.text(90, "y"))
        #expect(try await desk.usage()?.bytes == 90)
        try await desk.collect("owner/app", saying: false)
        #expect(try await CoreFixture.kind { try await desk.upload(Self.text(20, "z")) } == .denied)
        desk.core.advance(61)
        try await desk.upload(Self.text(20, "z"))
        #expect(try await desk.usage()?.bytes == 20)
        // And without any push the step finds it.
        try await desk.collect("owner/app")
        let settings = QuotaSettings(isOn: true)
        try await QuotaCountStep(
            platform: desk.core.platform, meter: desk.core.registry.quotaMeter, settings: settings
        ).run()
        #expect(try await desk.usage() == .nothing)
    }

    @Test(
        "tags count by name: moving one is free, a new one over the limit is refused",
        arguments: TestDatabase.allEngines)
    func countsTags(_ engine: TestDatabase.Engine) async throws {
        let desk = try await QuotaDesk(engine)
        for repository in ["owner/app", "owner/second"] { try await desk.upload("{}", to: repository) }
        try await desk.limit(bytes: 1_000_000, tags: 3, (.reject, 100))
        try await desk.push("one", tags: ["v1", "v2"])
        try await desk.push("two", tags: ["v1", "v2"])
        try await desk.push("two", tags: ["v1"], to: "owner/second")
        #expect(try await desk.usage()?.tags == 3)
        #expect(try await CoreFixture.kind { try await desk.push("three", tags: ["v3"]) } == .denied)
        #expect(try await desk.number("SELECT COUNT(*) FROM manifest") == 3)
        try await desk.push("three", tags: ["v2"])
        // A tag that is made or brought back over the API counts as well, and one that is deleted makes room at once.
        let tags = desk.core.registry.tags
        let digest = try await desk.core.registry.manifests.manifest(.tag(TagName("v2")), in: desk.proof()).digest
        let made = TagService.Change(manifest: digest)
        #expect(
            try await CoreFixture.kind { try await tags.change(TagName("v4"), made, in: desk.proof()) } == .denied)
        try await tags.change(TagName("v1"), made, in: desk.proof())
        try await tags.delete(TagName("v1"), in: desk.proof())
        try await tags.change(TagName("v4"), made, in: desk.proof())
        #expect(
            try await CoreFixture.kind { try await tags.restore(TagName("v1"), to: digest, in: desk.proof()) }
                == .denied)
        // A tag that expires by itself makes room, without anybody saying so.
        let now = desk.core.now
        try await desk.core.database.write {
            try $0.run("UPDATE tag SET lifetime_end_ms = \(now + 30) WHERE name = 'v2' AND lifetime_end_ms IS NULL")
        }
        #expect(try await CoreFixture.kind { try await desk.push("three", tags: ["v3"]) } == .denied)
        desk.core.advance(61)
        try await desk.push("three", tags: ["v3"])
        #expect(try await desk.usage() == desk.truth())
    }

    @Test("the system's quota holds where a namespace has none of its own")
    func system() async throws {
        let desk = try await QuotaDesk(.sqlite, systemRejectBytes: 100)
        try await desk.upload(Self.text(100))
        #expect(try await CoreFixture.kind { try await desk.upload("more") } == .denied)
        try await desk.limit(bytes: 1000, (.reject, 100))
        try await desk.upload("more")
        #expect(try await desk.usage()?.bytes == 104)
        #expect(try await CoreFixture.kind { try await desk.upload(Self.text(101), to: "other/app") } == .denied)
    }

    @Test(
        "the row is never less than the truth, whatever is pushed and collected in whatever order",
        arguments: TestDatabase.allEngines)
    func neverLess(_ engine: TestDatabase.Engine) async throws {
        var chance = SystemRandomNumberGenerator()
        let seed = UInt64.random(in: 0...UInt64.max, using: &chance)
        var random = Seeded(seed)
        let desk = try await QuotaDesk(engine)
        try await desk.limit(bytes: 4000, tags: 12, (.warning, 50), (.reject, 100))
        for step in 0..<60 {
            let repository = ["owner/app", "owner/second"][Int(random.next() % 2)]
            let name = "n\(random.next() % 9)"
            switch random.next() % 8 {
            case 0: try await desk.collect(repository, saying: random.next() % 2 == 0)
            case 1...4:
                let size = Int(random.next() % 400)
                _ = try await CoreFixture.kind {
                    try await desk.upload(Self.text(size, name.last ?? "x"), to: repository)
                }
            default:
                _ = try await CoreFixture.kind {
                    try await desk.upload("{}", to: repository)
                    try await desk.push(name, tags: ["t\(name)"], to: repository)
                }
            }
            if random.next() % 4 == 0 { desk.core.advance(90) }
            let (row, truth) = (try await desk.usage(), try await desk.truth())
            #expect(row?.bytes ?? -1 >= truth.bytes, "seed \(seed) step \(step)")
            #expect(row?.tags ?? -1 >= truth.tags, "seed \(seed) step \(step)")
            #expect(truth.bytes <= 4000 && truth.tags <= 12, "seed \(seed) step \(step)")
        }
        desk.core.advance(90)
        try await desk.core.registry.quotaMeter.count(desk.owner.id)
        #expect(try await desk.usage() == desk.truth(), "seed \(seed)")
    }

    @Test("without quota management nothing is measured, and what was is forgotten")
    func off() async throws {
        let desk = try await QuotaDesk(.sqlite)
        try await desk.limit(bytes: 10, (.reject, 100))
        let meter = QuotaMeter(platform: desk.core.platform, settings: .off)
        try await QuotaCountStep(platform: desk.core.platform, meter: meter, settings: .off).run()
        #expect(try await desk.number("SELECT COUNT(*) FROM quota_usage") == 0)
        #expect(try await meter.warning(in: desk.proof()) == nil)
        #expect(try await meter.roomBytes(in: desk.proof(), for: 1000) == nil)
    }
}

/// A small generator whose run can be had again from its seed.
struct Seeded: RandomNumberGenerator {
    private var state: UInt64
    init(_ seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
