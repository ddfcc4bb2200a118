/// The name of stored bytes: their hash, written as `algorithm:hex`.
///
/// Shape: an algorithm of ``Algorithm``, a colon, exactly as many lower-case hex digits as its hash has. A value of this
/// type is safe in paths, URLs and headers, because nothing else can be in it. Source: OCI image spec, descriptor.
package struct Digest: Sendable, Hashable, CustomStringConvertible {
    /// The algorithms that this registry accepts; every other one is refused.
    package enum Algorithm: String, Sendable, Hashable, CaseIterable {
        case sha256, sha512

        /// How many hex digits a digest of this algorithm has.
        package var hexCount: Int {
            switch self {
            case .sha256: 64
            case .sha512: 128
            }
        }
    }

    package struct Malformed: Error, Sendable, Hashable {
        package let text: String
        package var message: String {
            "A digest must be sha256: with 64 or sha512: with 128 lower-case hex digits."
        }
    }

    package let algorithm: Algorithm
    /// Lower-case hex digits, as many as the algorithm has.
    package let hex: String

    /// Throws ``Malformed`` for another algorithm, another length, upper case, or anything around it.
    package init(_ text: String) throws(Malformed) {
        guard let colon = text.firstIndex(of: ":"), let algorithm = Algorithm(rawValue: String(text[..<colon])) else {
            throw Malformed(text: text)
        }
        let hex = text[text.index(after: colon)...]
        guard hex.utf8.count == algorithm.hexCount, hex.utf8.allSatisfy(Self.isLowerHex) else {
            throw Malformed(text: text)
        }
        self.algorithm = algorithm
        self.hex = String(hex)
    }

    /// The digest of hash bytes that were just computed; `bytes` are exactly the hash.
    init(_ algorithm: Algorithm, hash bytes: some Sequence<UInt8>) {
        let digits = Array("0123456789abcdef".utf8)
        var hex: [UInt8] = []
        hex.reserveCapacity(algorithm.hexCount)
        for byte in bytes {
            hex.append(digits[Int(byte >> 4)])
            hex.append(digits[Int(byte & 15)])
        }
        self.algorithm = algorithm
        self.hex = String(decoding: hex, as: UTF8.self)
    }

    /// The digest of `bytes`.
    package init(of bytes: [UInt8], by algorithm: Algorithm = .sha256) {
        var hasher = DigestHasher(algorithm)
        bytes.withUnsafeBytes { hasher.update($0) }
        self = hasher.digest()
    }

    package var text: String { "\(algorithm.rawValue):\(hex)" }
    package var description: String { text }

    private static func isLowerHex(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"): true
        default: false
        }
    }
}
