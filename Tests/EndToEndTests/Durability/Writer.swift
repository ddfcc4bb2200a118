import OCI
import WebRequests

/// One client that pushes and deletes at random in a repository of its own, until the registry dies under it.
struct Writer: Sendable {
    let registry: LoneRegistry
    let ledger: Ledger
    let repository: String
    var random: Seeded

    static let repositories = ["admin/r0", "admin/r1", "admin/r2", "admin/r3"]

    /// The registry refused what it must accept.
    struct Refused: Error, CustomStringConvertible { let description: String }

    /// Works until a request breaks off (the registry was killed) or `limit` steps are done. Errors: ``Refused``.
    mutating func run(token: String, steps limit: Int = .max) async throws {
        for _ in 0..<limit {
            do {
                switch random.number(below: 10) {
                case 0: try await deleteTag(token)
                case 1: try await beginUpload(token)
                default: try await pushImage(token)
                }
            } catch let error as Refused {
                throw error
            } catch {
                // The connection is gone: so is the registry, or it will be in a moment.
                return
            }
        }
    }

    private mutating func pushImage(_ token: String) async throws {
        var layers: [(Digest, Int)] = []
        let config = random.bytes(upTo: 300)
        let configDigest = try await upload(config, token)
        for _ in 0...random.number(below: 3) {
            if random.number(below: 4) == 0, let other = ledger.anyBlob(outside: repository, &random) {
                try await mount(other, token)
                layers.append((other.digest, ledger.now.sizes[other.digest] ?? 0))
            } else {
                let bytes = random.bytes(upTo: random.number(below: 5) == 0 ? 300_000 : 20_000)
                layers.append((try await upload(bytes, token), bytes.count))
            }
        }
        let body = LoneRegistry.manifest(config: configDigest, configSize: config.count, layers: layers)
        let tag = Ledger.TagPlace(repository: repository, tag: "t\(random.number(below: 4))")
        ledger.tag(tag, Digest(of: body), isCertain: false)
        let answer = try await registry.send(
            .put, "/v2/\(repository)/manifests/\(tag.tag)", token: token,
            headers: ["Content-Type": MediaType.ociImage.text], body: body)
        try require(answer, 201, "manifest")
        ledger.tag(tag, Digest(of: body), isCertain: true)
    }

    private mutating func upload(_ bytes: [UInt8], _ token: String) async throws -> Digest {
        let digest = Digest(of: bytes)
        let place = Ledger.BlobPlace(repository: repository, digest: digest)
        ledger.record {
            $0.maybeBlobs.insert(place)
            $0.sizes[digest] = bytes.count
        }
        let base = "/v2/\(repository)/blobs/uploads/"
        switch random.number(below: 3) {
        case 0:
            let answer = try await registry.send(.post, "\(base)?digest=\(digest)", token: token, body: bytes)
            try require(answer, 201, "monolithic")
        case 1:
            let location = try await begin(token)
            let answer = try await registry.send(.put, "\(location)?digest=\(digest)", token: token, body: bytes)
            try require(answer, 201, "post and put")
        default:
            let location = try await begin(token)
            let cut = bytes.isEmpty ? 0 : random.number(below: bytes.count)
            for piece in [bytes[..<cut], bytes[cut...]] where !piece.isEmpty {
                let answer = try await patch(location, piece, token)
                try require(answer, 202, "chunk")
            }
            let answer = try await registry.send(.put, "\(location)?digest=\(digest)", token: token)
            try require(answer, 201, "chunked")
        }
        ledger.blob(digest, in: repository)
        return digest
    }

    /// Leaves an upload open whose first piece is acknowledged.
    private mutating func beginUpload(_ token: String) async throws {
        let bytes = random.bytes(upTo: 30_000) + [1, 2]
        let location = try await begin(token)
        let cut = 1 + random.number(below: bytes.count - 1)
        let answer = try await patch(location, bytes[..<cut], token)
        try require(answer, 202, "first chunk")
        let upload = Ledger.OpenUpload(
            repository: repository, location: location, bytes: bytes, acknowledged: cut)
        ledger.record {
            $0.uploads.append(upload)
            $0.acknowledged += 1
        }
    }

    private func mount(_ place: Ledger.BlobPlace, _ token: String) async throws {
        let mine = Ledger.BlobPlace(repository: repository, digest: place.digest)
        ledger.record { $0.maybeBlobs.insert(mine) }
        let answer = try await registry.send(
            .post, "/v2/\(repository)/blobs/uploads/?mount=\(place.digest)&from=\(place.repository)", token: token)
        try require(answer, 201, "mount")
        ledger.blob(place.digest, in: repository)
    }

    private mutating func deleteTag(_ token: String) async throws {
        let tag = Ledger.TagPlace(repository: repository, tag: "t\(random.number(below: 4))")
        guard ledger.now.tags[tag].map({ $0.last != .some(nil) }) == true else { return }
        ledger.tag(tag, nil, isCertain: false)
        let answer = try await registry.send(.delete, "/v2/\(repository)/manifests/\(tag.tag)", token: token)
        // It may have been gone already, in what the last kill left uncertain.
        guard answer.status == 404 else {
            try require(answer, 202, "delete")
            return ledger.tag(tag, nil, isCertain: true)
        }
        ledger.tag(tag, nil, isCertain: true)
    }

    private func begin(_ token: String) async throws -> String {
        let answer = try await registry.send(.post, "/v2/\(repository)/blobs/uploads/", token: token)
        try require(answer, 202, "begin")
        guard let location = answer.headers["Location"] else { throw Refused(description: "begin: no Location") }
        return location
    }

    private func patch(_ location: String, _ piece: ArraySlice<UInt8>, _ token: String) async throws -> WebResponse {
        try await registry.send(
            .patch, location, token: token,
            headers: ["Content-Range": "\(piece.startIndex)-\(piece.endIndex - 1)"], body: Array(piece))
    }

    private func require(_ answer: WebResponse, _ status: Int, _ what: String) throws {
        guard answer.status == status else {
            throw Refused(description: "\(what) in \(repository): \(answer.status) \(answer.text)")
        }
    }
}
