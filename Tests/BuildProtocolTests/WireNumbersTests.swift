import BuildProtocol
import SwiftProtobuf
import Testing

/// Every message as an original worker or manager writes it, byte by byte: numbers below 50 never change.
@Suite("Numbers on the wire") struct WireNumbersTests {
    /// A field of text or of an inner message: its number, its length, its bytes.
    private static func field(_ number: UInt8, _ bytes: [UInt8]) -> [UInt8] {
        precondition(number < 16 && bytes.count < 128)
        return [number << 3 | 2, UInt8(bytes.count)] + bytes
    }

    private static func field(_ number: UInt8, _ text: String) -> [UInt8] { field(number, Array(text.utf8)) }

    /// A number or a truth, below 128.
    private static func number(_ number: UInt8, _ value: UInt8) -> [UInt8] { [number << 3, value] }

    /// Field 2047 with the text "new", field 50 with 1: what a later version, or a stranger, may add.
    private static let unknown: [UInt8] = [0xFA, 0x7F, 3, 0x6E, 0x65, 0x77]

    private static func check<M: Message & Equatable>(_ message: M, _ bytes: [UInt8], _ name: String) throws {
        #expect(try message.serializedBytes() as [UInt8] == bytes, "\(name) is written otherwise")
        #expect(try M(serializedBytes: bytes) == message, "\(name) is read otherwise")
        var extended = try M(serializedBytes: bytes + unknown)
        #expect(extended != message, "\(name): what is unknown is kept")
        extended.unknownFields = UnknownStorage()
        #expect(extended == message, "\(name): what is unknown changes something")
    }

    @Test("requests and replies have the original numbers, and ignore what they don't know") func messages() throws {
        var arguments = BuildmanPb_BuildJobArgs()
        arguments.registerJwt = "r"
        try Self.check(arguments, Self.field(1, "r"), "BuildJobArgs")

        var ping = BuildmanPb_PingReply()
        ping.reply = "pong"
        try Self.check(ping, Self.field(1, "pong"), "PingReply")

        var beat = BuildmanPb_HeartbeatRequest()
        beat.jobJwt = "j"
        try Self.check(beat, Self.field(1, "j"), "HeartbeatRequest")
        var alive = BuildmanPb_HeartbeatResponse()
        alive.reply = true
        try Self.check(alive, Self.number(1, 1), "HeartbeatResponse")

        var phase = BuildmanPb_SetPhaseRequest()
        phase.jobJwt = "j"
        phase.sequenceNumber = 7
        phase.phase = .pushing
        phase.pullMetadata.registryURL = "u"
        phase.pullMetadata.baseImage = "b"
        phase.pullMetadata.baseImageTag = "t"
        phase.pullMetadata.pullUsername = "n"
        let pulled = Self.field(1, "u") + Self.field(2, "b") + Self.field(3, "t") + Self.field(4, "n")
        try Self.check(
            phase, Self.field(1, "j") + Self.number(2, 7) + Self.number(3, 4) + Self.field(4, pulled), "SetPhaseRequest"
        )
        var stored = BuildmanPb_SetPhaseResponse()
        stored.success = true
        stored.sequenceNumber = 7
        try Self.check(stored, Self.number(1, 1) + Self.number(2, 7), "SetPhaseResponse")

        var line = BuildmanPb_LogMessageRequest()
        line.jobJwt = "j"
        line.sequenceNumber = 9
        line.logMessage = "{}"
        line.phase = "p"
        try Self.check(
            line, Self.field(1, "j") + Self.number(2, 9) + Self.field(3, "{}") + Self.field(4, "p"), "LogMessageRequest"
        )
        var kept = BuildmanPb_LogMessageResponse()
        kept.success = true
        kept.sequenceNumber = 9
        try Self.check(kept, Self.number(1, 1) + Self.number(2, 9), "LogMessageResponse")

        var cached = BuildmanPb_CachedTagRequest()
        cached.jobJwt = "j"
        cached.baseImageName = "n"
        cached.baseImageTag = "t"
        cached.baseImageID = "i"
        try Self.check(
            cached, Self.field(1, "j") + Self.field(2, "n") + Self.field(3, "t") + Self.field(4, "i"),
            "CachedTagRequest")
        var tag = BuildmanPb_CachedTag()
        tag.cachedTag = "t"
        try Self.check(tag, Self.field(1, "t"), "CachedTag")
    }

    @Test("a build pack has the original numbers below 50, and ours from there") func buildPack() throws {
        var pack = BuildmanPb_BuildPack()
        pack.jobJwt = "j"
        pack.gitPackage.url = "u"
        pack.gitPackage.sha = "s"
        pack.gitPackage.privateKey = "k"
        pack.context = "/"
        pack.dockerfilePath = "D"
        pack.repository = "n/r"
        pack.registry = "h"
        pack.pullToken = "p"
        pack.pushToken = "q"
        pack.tagNames = ["a", "b"]
        pack.baseImage.username = "n"
        pack.baseImage.password = "w"
        let git = Self.field(1, "u") + Self.field(2, "s") + Self.field(3, "k")
        let original =
            Self.field(1, "j") + Self.field(3, git) + Self.field(4, "/") + Self.field(5, "D") + Self.field(6, "n/r")
            + Self.field(7, "h") + Self.field(8, "p") + Self.field(9, "q") + Self.field(10, "a") + Self.field(10, "b")
            + Self.field(11, Self.field(1, "n") + Self.field(2, "w"))
        try Self.check(pack, original, "BuildPack")

        var package = BuildmanPb_BuildPack()
        package.packageURL = "u"
        try Self.check(package, Self.field(2, "u"), "BuildPack with a package")

        pack.buildID = "b"
        pack.attempt = 2
        pack.registryInsecure = true
        pack.allowedPrivateNetworks = ["c"]
        pack.buildArguments = ["A": "1"]
        pack.packageURLTrusted = true
        pack.stagingTag = "t"
        // Numbers from 16 on take two bytes: (number << 3 | kind) in groups of seven bits, the lower ones first.
        let ours: [UInt8] =
            [0x92, 0x03, 1, 0x62, 0x98, 0x03, 2, 0xA0, 0x03, 1, 0xAA, 0x03, 1, 0x63]
            + [0xB2, 0x03, 6, 0x0A, 1, 0x41, 0x12, 1, 0x31] + [0xC0, 0x03, 1, 0xCA, 0x03, 1, 0x74]
        #expect(try pack.serializedBytes() as [UInt8] == original + ours)
        // A worker that knows none of ours reads the same build.
        #expect(try BuildmanPb_BuildPack(serializedBytes: original + ours).tagNames == ["a", "b"])
    }

    @Test(
        "bytes that are no message are refused",
        arguments: [[0x0A], [0x0A, 5, 0x61], [0x0B], [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], [0x0A, 1, 0xFF]] as [[UInt8]]
    )
    func rubbish(_ bytes: [UInt8]) {
        #expect(throws: (any Error).self) { try BuildmanPb_BuildJobArgs(serializedBytes: bytes) }
    }
}
