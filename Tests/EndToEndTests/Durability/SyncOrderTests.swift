import Foundation
import OCI
import TestSupport
import Testing

/// Power can't be cut in a test; the order of the syncs can be looked at: nothing is answered before it is on the disk.
@Suite("The order of syncs", .serialized, .enabled(if: SystemCalls.mayTrace)) struct SyncOrderTests {
    @Test(
        "a blob's bytes, its name and its row are synced, in this order, before its 201; a manifest's row before its own"
    )
    func order() async throws {
        let folder = try TemporaryFolder()
        let registry = try await LoneRegistry(
            .sqlite, launcher: SystemCalls.launcher(writingTo: folder.path("trace")))
        try await registry.start()
        try await registry.initialize()
        let token = try await registry.token(["admin/app"])
        let layer = [UInt8](repeating: 7, count: 300_000)
        try await registry.push(layer, to: "admin/app", tag: "v1", token: token)
        try await SystemCalls.stop(registry.server)
        let calls = SystemCalls(trace: try folder.read("trace"))

        let (config, blob, manifest) = try Self.answers(calls)
        let rename = try #require(calls.last("rename", "/storage/uploads/", before: blob.began))
        #expect(rename.began > config.ended)
        let names = rename.text.split(separator: "\"")
        let (upload, object) = (String(names[1]), String(names[3]))
        let written = try #require(calls.last("writev", "<\(upload)>", before: blob.began))
        let synced = try #require(calls.first("fsync", "<\(upload)>", after: written.ended))
        #expect(synced.succeeded)
        #expect(synced.ended < rename.began, "the name came before the bytes were synced")
        let parent = (object as NSString).deletingLastPathComponent
        let named = try #require(calls.first("fsync", "<\(parent)>", after: rename.ended))
        let row = try #require(calls.first("fdatasync", "registry.db-wal>", after: named.ended))
        #expect(named.ended < blob.began, "201 came before the name was synced")
        #expect(row.ended < blob.began, "201 came before the row was synced")

        for answer in [config, blob, manifest] {
            let row = try #require(calls.last("pwrite64", "registry.db-wal>", before: answer.began))
            let synced = try #require(calls.first("fdatasync", "registry.db-wal>", after: row.ended))
            #expect(synced.succeeded && synced.ended < answer.began, "201 came before its row was synced")
        }
    }

    @Test("each new folder is synced into its parent before anything in it counts")
    func folders() async throws {
        let folder = try TemporaryFolder()
        let registry = try await LoneRegistry(
            .sqlite, launcher: SystemCalls.launcher(writingTo: folder.path("trace")))
        try await registry.start()
        try await registry.initialize()
        let token = try await registry.token(["admin/app"])
        try await registry.push([1, 2, 3], to: "admin/app", tag: "v1", token: token)
        try await SystemCalls.stop(registry.server)
        let calls = SystemCalls(trace: try folder.read("trace"))
        let made = calls.calls.filter {
            $0.text.hasPrefix("mkdir(") && $0.text.contains("/storage") && $0.text.hasSuffix(" = 0")
        }
        #expect(made.count >= 3, "uploads, blobs and a folder of objects")
        let first = try Self.answers(calls).0
        for call in made where call.ended < first.began {
            let path = String(call.text.split(separator: "\"")[1])
            let parent = (path as NSString).deletingLastPathComponent
            let synced = try #require(
                calls.first("fsync", "<\(parent)>", after: call.ended), "nobody synced \(parent)")
            #expect(synced.ended < first.began, "201 came before \(path) was synced into its parent")
        }
    }

    /// The three moments at which "201 Created" went out: for config, layer and manifest.
    private static func answers(
        _ calls: SystemCalls
    ) throws -> (SystemCalls.Call, SystemCalls.Call, SystemCalls.Call) {
        let answers = calls.calls.filter { call in
            ["write(", "writev(", "sendto(", "sendmsg("].contains { call.text.hasPrefix($0) }
                && call.text.contains("<socket:") && call.text.contains("HTTP/1.1 201 ")
        }
        try #require(answers.count == 3, "\(answers.map(\.text))")
        return (answers[0], answers[1], answers[2])
    }
}
