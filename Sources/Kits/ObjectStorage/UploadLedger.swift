import Synchronization

/// How far an upload has come, in its location's words: what the caller's book holds between two requests.
package struct UploadMark: Sendable, Hashable {
    /// Bytes that are stored and written down.
    package let offset: Int64
    /// Where the location keeps them; empty where the upload's name says it all. At most 255 ASCII characters.
    package let state: String

    package init(offset: Int64, state: String = "") {
        self.offset = offset
        self.state = state
    }

    /// Of an upload that has no byte yet.
    package static let start = UploadMark(offset: 0)
}

/// The book of whoever owns an upload: which bytes count.
///
/// The location calls in this order, while it keeps every other request from changing what is written down:
/// ``confirm()`` once, ``observe(_:)`` for each stored piece, ``acknowledge(_:after:)`` once, but not where no space was
/// left and the location took back what it had stored of the request.
package protocol UploadLedger: Sendable {
    /// Throws when the mark that the append began with is not what is written down any more: then nothing is changed.
    func confirm() async throws
    /// Sees each piece after it was stored, in order, on a thread where hashing may take its time.
    func observe(_ bytes: UnsafeRawBufferPointer)
    /// Writes down where the upload stands now. What it throws, the append throws.
    /// - Parameter failure: what ended the stream before its end, if anything did.
    func acknowledge(_ mark: UploadMark, after failure: (any Error)?) async throws
}

/// The book of an upload that one request begins and ends.
package final class PrivateLedger: UploadLedger {
    private let current = Mutex(UploadMark.start)
    private let observer: @Sendable (UnsafeRawBufferPointer) -> Void

    package init(observer: @escaping @Sendable (UnsafeRawBufferPointer) -> Void = { _ in }) { self.observer = observer }

    package var mark: UploadMark { current.withLock { $0 } }

    package func confirm() {}
    package func observe(_ bytes: UnsafeRawBufferPointer) { observer(bytes) }
    package func acknowledge(_ mark: UploadMark, after failure: (any Error)?) { current.withLock { $0 = mark } }
}
