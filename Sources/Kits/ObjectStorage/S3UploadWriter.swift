import AWS
import NIOCore
import NIOPosix

/// Takes the bytes of one request to an upload: stores each part when it is full, and holds at most one.
struct S3UploadWriter {
    let client: S3Client
    /// The object's name in the bucket.
    let key: String
    private(set) var state: S3UploadState
    /// The multipart upload that this request began.
    private(set) var begun: String?
    private(set) var hasGrown = false
    /// How many bytes of the tail the ledger has seen.
    private var observed: Int

    init(client: S3Client, key: String, state: S3UploadState) {
        self.client = client
        self.key = key
        self.state = state
        observed = state.tail.count
    }

    mutating func add(_ chunk: ByteBuffer, for ledger: some UploadLedger) async throws {
        var rest = chunk
        while rest.readableBytes > 0 {
            if state.tail.count == S3Store.partBytes { try await storePart(for: ledger) }
            let count = min(rest.readableBytes, S3Store.partBytes - state.tail.count)
            // From then on the part will most likely be full.
            if state.tail.count + count > 1 << 20 { state.tail.reserveCapacity(S3Store.partBytes) }
            rest.readWithUnsafeReadableBytes { bytes in
                state.tail += bytes[..<count]
                return count
            }
            hasGrown = true
        }
    }

    /// To be called when the tail is stored too.
    mutating func observeRest(for ledger: some UploadLedger) async throws {
        let (tail, start) = (state.tail, observed)
        try await NIOThreadPool.singleton.runIfActive {
            tail.withUnsafeBytes { ledger.observe(UnsafeRawBufferPointer(rebasing: $0[start...])) }
        }
        observed = tail.count
    }

    private mutating func storePart(for ledger: some UploadLedger) async throws {
        let id: String
        if let multipart = state.multipart {
            id = multipart
        } else {
            id = try await client.createMultipart(key)
            (begun, state.multipart) = (id, id)
        }
        let etag = try await client.uploadPart(state.etags.count + 1, of: key, id: id, state.tail)
        try await observeRest(for: ledger)
        state.etags.append(etag)
        state.tail.removeAll(keepingCapacity: true)
        observed = 0
    }
}
