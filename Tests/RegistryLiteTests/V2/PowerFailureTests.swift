import Foundation
import OCI
import SQL
import TestSupport
import Testing
import WebRequests

/// What a machine may have lost that stopped without a sync: the program's rows are there, bytes behind them are not.
@Suite("Uploads after a power failure") struct PowerFailureTests {
    private static let bytes = pattern(100_000)

    /// An upload with all its bytes acknowledged, by a machine that was started again since if `isOlder`; then its first
    /// half reads as zeros.
    private static func upload(_ registry: LiveRegistry, _ token: String, isOlder: Bool) async throws -> String {
        let location = try await registry.begin(token: token)
        let answer = try await registry.send(
            .patch, location, token: token, headers: ["Content-Range": "0-99999"], body: bytes)
        try #require(answer.status == 202)
        let folder = registry.data.folder.path("storage/uploads")
        let name = try #require(try FileManager.default.contentsOfDirectory(atPath: folder).first)
        let lost = Data(count: 50_000) + Data(bytes[50_000...])
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: "\(folder)/\(name)"))
        try file.write(contentsOf: lost)
        try file.close()
        if isOlder {
            try await registry.data.database.write {
                try $0.run("UPDATE blob_upload SET storage_state = 'an earlier start'")
            }
        }
        return location
    }

    @Test("bytes that were not synced before the machine stopped are read again, and never believed")
    func readsAgain() async throws {
        let registry = try await LiveRegistry.start()
        let token = try await registry.pushToken()
        let location = try await Self.upload(registry, token, isOlder: true)
        let digest = Digest(of: Self.bytes)
        let answer = try await registry.send(.put, "\(location)?digest=\(digest)", token: token)
        #expect(answer.status == 400)
        #expect(answer.codes == ["DIGEST_INVALID"])
        #expect(try await registry.send(.get, "/v2/owner/app/blobs/\(digest)", token: token).status == 404)
    }

    @Test("more bytes on top don't make the lost ones count") func goesOn() async throws {
        let registry = try await LiveRegistry.start()
        let token = try await registry.pushToken()
        let location = try await Self.upload(registry, token, isOlder: true)
        let more = try await registry.send(
            .patch, location, token: token, headers: ["Content-Range": "100000-100000"], body: [1])
        #expect(more.status == 202)
        let digest = Digest(of: Self.bytes + [1])
        let answer = try await registry.send(.put, "\(location)?digest=\(digest)", token: token)
        #expect(answer.codes == ["DIGEST_INVALID"])
    }

    @Test("bytes that are there after the machine's restart count as before") func keeps() async throws {
        let registry = try await LiveRegistry.start()
        let token = try await registry.pushToken()
        let location = try await registry.begin(token: token)
        _ = try await registry.send(.patch, location, token: token, body: Self.bytes)
        try await registry.data.database.write {
            try $0.run("UPDATE blob_upload SET storage_state = 'an earlier start'")
        }
        let digest = Digest(of: Self.bytes)
        #expect(try await registry.send(.put, "\(location)?digest=\(digest)", token: token).status == 201)
    }
}
