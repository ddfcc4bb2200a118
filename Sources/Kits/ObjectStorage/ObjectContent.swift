package import NIOCore

/// The bytes of an object, in the form in which they are sent fastest.
package enum ObjectContent: Sendable {
    /// A file of this machine: to be opened when it is read, and no earlier.
    case file(path: String, sizeBytes: Int64)
    case memory(ByteBuffer)
    /// An object of another machine.
    case remote(RemoteObject)

    package var sizeBytes: Int64 {
        switch self {
        case .file(_, let size): size
        case .memory(let buffer): Int64(buffer.readableBytes)
        case .remote(let object): object.sizeBytes
        }
    }
}

/// An object that a service keeps: it can be fetched, or whoever asks can be sent there.
package struct RemoteObject: Sendable {
    /// What the answer at an address says of the bytes, where the object itself says nothing.
    package struct Presentation: Sendable, Hashable {
        package var contentType: String?
        package var contentEncoding: String?

        package init(contentType: String? = nil, contentEncoding: String? = nil) {
            self.contentType = contentType
            self.contentEncoding = contentEncoding
        }
    }

    package let sizeBytes: Int64
    /// The bytes of a range, fetched as fast as they are read; throws ``ObjectStorageError``.
    package let read: @Sendable (Range<Int64>) async throws -> AsyncThrowingStream<ByteBuffer, any Error>
    private let makeAddress: @Sendable (Duration, Presentation) async throws -> String

    package init(
        sizeBytes: Int64,
        read: @escaping @Sendable (Range<Int64>) async throws -> AsyncThrowingStream<ByteBuffer, any Error>,
        address: @escaping @Sendable (Duration, Presentation) async throws -> String
    ) {
        self.sizeBytes = sizeBytes
        self.read = read
        makeAddress = address
    }

    /// An address at which anybody can GET the object, whole or in ranges, for so long. It is a secret as long as it holds.
    package func address(_ lifetime: Duration, as presentation: Presentation = Presentation()) async throws -> String {
        try await makeAddress(lifetime, presentation)
    }
}
