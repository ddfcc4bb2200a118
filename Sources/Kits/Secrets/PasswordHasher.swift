import CCrypt
import Foundation
import NIOPosix
package import Runtime
import Synchronization

/// Makes and checks password hashes on threads of its own.
///
/// One check takes about a quarter of a second of processor time on purpose, so it never runs on an event loop and no
/// more than `threads` run at once; more than `waitingLimit` callers in line are refused, so that a flood of sign-ins
/// can't pile up work for hours.
package final class PasswordHasher: Sendable {
    /// Why no hash or answer was given.
    package enum Failure: Error, Equatable, CustomStringConvertible {
        /// More checks are waiting than the limit allows: answer "try again later".
        case busy
        /// The password has more than 72 bytes, of which bcrypt would silently ignore the rest.
        case tooLong
        /// The password contains a zero byte, where bcrypt would silently stop reading.
        case zeroByte
        /// libxcrypt refused to work.
        case library(String)

        package var description: String {
            switch self {
            case .busy: "Too many password checks are waiting."
            case .tooLong: "A password can have 72 bytes at most."
            case .zeroByte: "A password can't contain a zero byte."
            case .library(let reason): "The password could not be hashed: \(reason)."
            }
        }
    }

    /// bcrypt reads no more than this.
    package static let maximumPasswordBytes = 72

    private let cost: Int
    private let waitingLimit: Int
    private let randomness: Randomness
    private let pool: NIOThreadPool
    private let waiting = Mutex(0)

    /// `cost` is the work factor of new hashes, within ``PasswordHash/allowedCosts``; `threads` many checks run at once,
    /// and `waitingLimit` many may run or wait.
    package init(cost: Int = 12, threads: Int = 2, waitingLimit: Int = 128, randomness: Randomness) {
        precondition(PasswordHash.allowedCosts.contains(cost) && threads > 0 && waitingLimit > 0)
        self.cost = cost
        self.waitingLimit = waitingLimit
        self.randomness = randomness
        self.pool = NIOThreadPool(numberOfThreads: threads)
        self.pool.start()
    }

    deinit {
        pool.shutdownGracefully { _ in }
    }

    /// A hash of `password` with a fresh salt. Throws ``Failure``.
    package func hash(_ password: String) async throws -> PasswordHash {
        guard password.utf8.count <= Self.maximumPasswordBytes else { throw Failure.tooLong }
        guard !password.utf8.contains(0) else { throw Failure.zeroByte }
        let (cost, salt) = (UInt(cost), randomness.bytes(16))
        return try await onPool {
            try PasswordHash(Self.crypt(password, setting: Self.setting(cost: cost, salt: salt)))
        }
    }

    /// Whether `password` belongs to `hash`.
    ///
    /// Without a hash (no such account, or one without a password) the answer is false after the same time, so that
    /// nobody learns from the clock which accounts exist. A password beyond 72 bytes is compared by its first 72, as
    /// bcrypt always did. Throws ``Failure/busy`` or ``Failure/library(_:)``.
    package func verify(_ password: String, against hash: PasswordHash?) async throws -> Bool {
        let expected = hash ?? .unmatchable(cost: cost)
        let answer = try await onPool {
            // A zero byte would end the C string early and make "right\0anything" a right password.
            let readable = password.utf8.contains(0) ? "" : password
            let actual = try Self.crypt(readable, setting: expected.text)
            return constantTimeEquals(actual.utf8, expected.text.utf8) && !password.utf8.contains(0)
        }
        return answer && hash != nil
    }

    /// Whether `hash` should be made anew at the next right sign-in, because it is weaker than today's hashes.
    package func isOutdated(_ hash: PasswordHash) -> Bool {
        hash.cost < cost || hash.text.hasPrefix("$2a$")
    }

    private func onPool<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        let admitted = waiting.withLock { count in
            guard count < waitingLimit else { return false }
            count += 1
            return true
        }
        guard admitted else { throw Failure.busy }
        defer { waiting.withLock { $0 -= 1 } }
        return try await pool.runIfActive(body)
    }

    private static func setting(cost: UInt, salt: [UInt8]) throws -> String {
        let bytes = salt.map { CChar(bitPattern: $0) }
        guard let text = crypt_gensalt_ra("$2b$", cost, bytes, CInt(bytes.count)) else {
            throw Failure.library(String(cString: strerror(errno)))
        }
        defer { free(text) }
        return String(cString: text)
    }

    private static func crypt(_ password: String, setting: String) throws -> String {
        // The first 72 bytes are all that counts, and libxcrypt refuses phrases of 512 and more.
        let phrase = password.utf8.prefix(maximumPasswordBytes).map { CChar(bitPattern: $0) } + [0]
        var data: UnsafeMutableRawPointer?
        var size: CInt = 0
        defer { free(data) }
        guard let text = crypt_ra(phrase, setting, &data, &size) else {
            throw Failure.library(String(cString: strerror(errno)))
        }
        return String(cString: text)
    }
}
