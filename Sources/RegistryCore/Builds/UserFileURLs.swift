package import Foundation
package import Runtime
package import Secrets

/// Makes and checks the addresses under which one uploaded file may be stored once, or read, until they expire.
///
/// Whoever has the address has the right: its signature names the file, what may be done with it, and its end. It is sealed
/// with the key of stored secrets, which both programs share.
package struct UserFileURLs: Sendable {
    package enum Use: String, Sendable, Hashable {
        case store = "PUT"
        case read = "GET"
    }

    /// One answer for every address that isn't ours, is for something else, was altered, or has expired.
    package struct Refused: Error, Sendable, Hashable {}

    /// How long a person may take to begin an upload, in seconds.
    package static let storeLifetime: TimeInterval = 3600
    private static let prefix = "fc1:"

    private let cipher: FieldCipher
    private let clock: WallClock

    package init(cipher: FieldCipher, clock: WallClock) {
        self.cipher = cipher
        self.clock = clock
    }

    /// The address that serves `use` of one file for `lifetime` seconds.
    /// - Parameter base: scheme and host of the site, without a slash at the end.
    package func url(_ use: Use, file uuid: String, base: String, lifetime: TimeInterval) throws -> String {
        let end = Int64(clock.now.addingTimeInterval(lifetime).timeIntervalSince1970.rounded(.up))
        let sealed = try cipher.encrypt(String(end), for: Self.field(use, uuid))
        return "\(base)/userfiles/\(uuid)?signature=\(sealed.dropFirst(Self.prefix.count))"
    }

    /// Returns when `signature` allows `use` of the file now.
    package func check(_ signature: String, for use: Use, file uuid: String) throws(Refused) {
        let end: Int64?
        do { end = Int64(try cipher.decrypt(Self.prefix + signature, for: Self.field(use, uuid))) } catch {
            throw Refused()
        }
        guard let end, clock.now.timeIntervalSince1970 < Double(end) else { throw Refused() }
    }

    private static func field(_ use: Use, _ uuid: String) -> FieldCipher.Field {
        FieldCipher.Field(table: "user_file", column: "\(use.rawValue) address", row: uuid)
    }
}
