import Domain
import OCI
import SQL
import TestSupport
import Testing

@testable import RegistryCore

@Suite("Sparse indexes") struct SparseIndexTests {
    @Test(
        "are refused unless the key allows them; a child that comes later belongs to them",
        arguments: TestDatabase.allEngines)
    func later(engine: TestDatabase.Engine) async throws {
        let fixture = try await BuildFixture(engine)
        let access = try await fixture.proof()
        let child = Array(#"{"schemaVersion":2,"manifests":[],"annotations":{"a":"b"}}"#.utf8)
        let digest = Digest(of: child)
        let index = Array(
            """
            {"schemaVersion":2,"manifests":[{"mediaType":"\(MediaType.ociIndex)","digest":"\(digest)",\
            "size":\(child.count)}]}
            """.utf8)
        func put(_ body: [UInt8], _ reference: ManifestReference, sparse: Bool) async throws {
            _ = try await ManifestService(
                platform: fixture.platform, access: fixture.access,
                quotas: QuotaMeter(platform: fixture.platform, settings: .off),
                untaggedLifetime: 60, sparseIndexes: sparse
            ).put(
                body, contentType: MediaType.ociIndex.text, reference: reference, in: access)
        }
        let tag = ManifestReference.tag(try TagName("multi"))
        let refused = await #expect(throws: RegistryError.self) { try await put(index, tag, sparse: false) }
        #expect(refused?.kind == .manifestBlobUnknown)
        try await put(index, tag, sparse: true)
        let manifests = ManifestService(
            platform: fixture.platform, access: fixture.access,
            quotas: QuotaMeter(platform: fixture.platform, settings: .off))
        let missing = await #expect(throws: RegistryError.self) {
            try await manifests.manifest(.digest(digest), in: access)
        }
        #expect(missing?.kind == .manifestUnknown)
        // Also after the key was taken back: the index is there.
        try await put(child, .digest(digest), sparse: false)
        // By itself it would be gone now.
        fixture.advance(61)
        #expect(try await manifests.manifest(.digest(digest), in: access).body == child)
    }
}
