import OCI
import Testing
import WebRequests

/// Compares a registry with what it has acknowledged.
struct Inspector {
    let registry: LoneRegistry
    let ledger: Ledger
    /// Stands in every complaint, so that a run can be had again.
    let context: String

    /// Looks at everything in the ledger, or at `sample` blobs of it, and makes what was uncertain certain.
    func inspect(token: String, sample: Int? = nil) async throws {
        let state = ledger.now
        var random = SystemRandomNumberGenerator()
        let blobs = sample.map { Array(state.blobs.shuffled(using: &random).prefix($0)) } ?? Array(state.blobs)
        for place in blobs { try await inspect(place, mayBeGone: false, token) }
        for place in state.maybeBlobs.subtracting(state.blobs) {
            try await inspect(place, mayBeGone: true, token)
        }
        for (place, allowed) in state.tags { try await inspect(place, allowed, token) }
        for upload in state.uploads { try await finish(upload, token) }
        ledger.record {
            $0.maybeBlobs = []
            $0.uploads = []
        }
    }

    private func inspect(_ place: Ledger.BlobPlace, mayBeGone: Bool, _ token: String) async throws {
        let answer = try await registry.send(.get, "/v2/\(place.repository)/blobs/\(place.digest)", token: token)
        if answer.status == 404, mayBeGone { return }
        #expect(answer.status == 200, "blob \(place): \(answer.status) \(context)")
        #expect(Digest(of: Array(answer.body)) == place.digest, "blob \(place) is not what was pushed \(context)")
    }

    private func inspect(_ place: Ledger.TagPlace, _ allowed: [Digest?], _ token: String) async throws {
        let answer = try await registry.send(
            .get, "/v2/\(place.repository)/manifests/\(place.tag)", token: token)
        #expect([200, 404].contains(answer.status), "tag \(place): \(answer.status) \(context)")
        let found = answer.status == 200 ? Digest(of: Array(answer.body)) : nil
        #expect(allowed.contains(found), "tag \(place) points at \(found?.text ?? "nothing") \(context)")
        #expect(answer.headers["Docker-Content-Digest"] == found?.text, "\(context)")
        ledger.record { $0.tags[place] = [found] }
    }

    /// An acknowledged piece is there after a kill, and the upload goes on behind it.
    private func finish(_ upload: Ledger.OpenUpload, _ token: String) async throws {
        let status = try await registry.send(.get, upload.location, token: token)
        #expect(status.status == 204, "upload \(upload.location): \(status.status) \(context)")
        #expect(status.headers["Range"] == "0-\(upload.acknowledged - 1)", "\(upload.location) \(context)")
        let digest = Digest(of: upload.bytes)
        ledger.record { $0.sizes[digest] = upload.bytes.count }
        let rest = Array(upload.bytes[upload.acknowledged...])
        let answer = try await registry.send(
            .put, "\(upload.location)?digest=\(digest)", token: token,
            headers: ["Content-Range": "\(upload.acknowledged)-\(upload.bytes.count - 1)"], body: rest)
        #expect(answer.status == 201, "the rest of \(upload.location): \(answer.status) \(answer.text) \(context)")
        ledger.blob(digest, in: upload.repository)
        let blob = Ledger.BlobPlace(repository: upload.repository, digest: digest)
        try await inspect(blob, mayBeGone: false, token)
    }
}
