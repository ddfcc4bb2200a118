import COpenSSL
import Foundation

/// A hash that grows with the bytes of a stream, and can be written down and gone on with by another process.
///
/// A copy is independent: keep one to try what the digest would be after bytes that may yet be refused.
package struct DigestHasher: Sendable {
    private enum State: Sendable {
        case sha256(SHA256_CTX)
        case sha512(SHA512_CTX)
    }

    private var state: State
    /// How many bytes went in.
    package private(set) var count: Int64 = 0

    package init(_ algorithm: Digest.Algorithm) {
        switch algorithm {
        case .sha256:
            var context = SHA256_CTX()
            copenssl_sha256_begin(&context)
            state = .sha256(context)
        case .sha512:
            var context = SHA512_CTX()
            copenssl_sha512_begin(&context)
            state = .sha512(context)
        }
    }

    package var algorithm: Digest.Algorithm {
        switch state {
        case .sha256: .sha256
        case .sha512: .sha512
        }
    }

    package mutating func update(_ bytes: UnsafeRawBufferPointer) {
        count += Int64(bytes.count)
        switch state {
        case .sha256(var context):
            copenssl_sha256_add(&context, bytes.baseAddress, bytes.count)
            state = .sha256(context)
        case .sha512(var context):
            copenssl_sha512_add(&context, bytes.baseAddress, bytes.count)
            state = .sha512(context)
        }
    }

    /// The digest of everything so far; more may follow.
    package func digest() -> Digest {
        switch state {
        case .sha256(var context):
            let hash = [UInt8](unsafeUninitializedCapacity: Int(SHA256_DIGEST_LENGTH)) { space, count in
                copenssl_sha256_end(&context, space.baseAddress)
                count = Int(SHA256_DIGEST_LENGTH)
            }
            return Digest(.sha256, hash: hash)
        case .sha512(var context):
            let hash = [UInt8](unsafeUninitializedCapacity: Int(SHA512_DIGEST_LENGTH)) { space, count in
                copenssl_sha512_end(&context, space.baseAddress)
                count = Int(SHA512_DIGEST_LENGTH)
            }
            return Digest(.sha512, hash: hash)
        }
    }
}

extension DigestHasher {
    /// The state between two calls, for a place that only we write.
    ///
    /// Shape: `1:` (the version), the algorithm, the count, and in base64 the chaining words, big-endian, followed by the
    /// bytes of the block that is not full yet. Source: FIPS 180-4, sections 5 and 6.
    package var saved: String {
        var bytes: [UInt8] = []
        switch state {
        case .sha256(let context):
            withUnsafeBytes(of: context.h) { words in
                for word in words.bindMemory(to: UInt32.self) { bytes += Self.bytes(word) }
            }
            withUnsafeBytes(of: context.data) { bytes += $0.prefix(Int(context.num)) }
        case .sha512(let context):
            withUnsafeBytes(of: context.h) { words in
                for word in words.bindMemory(to: UInt64.self) { bytes += Self.bytes(word) }
            }
            withUnsafeBytes(of: context.u) { bytes += $0.prefix(Int(context.num)) }
        }
        return "1:\(algorithm.rawValue):\(count):\(Data(bytes).base64EncodedString())"
    }

    /// Reads what ``saved`` wrote; nil for anything else.
    package init?(saved text: String) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 4, parts[0] == "1", let algorithm = Digest.Algorithm(rawValue: String(parts[1])),
            let count = Int64(parts[2]), count >= 0, let data = Data(base64Encoded: String(parts[3]))
        else { return nil }
        self.init(algorithm)
        let bytes = Array(data)
        let isSHA256 = algorithm == .sha256
        let (words, block) = isSHA256 ? (32, Int64(64)) : (64, Int64(128))
        let rest = Int(count % block)
        guard bytes.count == words + rest else { return nil }
        switch state {
        case .sha256(var context):
            withUnsafeMutableBytes(of: &context.h) { $0.copyBytes(from: Self.swapped(bytes[..<words], by: 4)) }
            withUnsafeMutableBytes(of: &context.data) { $0.copyBytes(from: bytes[words...]) }
            let bits = UInt64(count) << 3
            (context.Nl, context.Nh) = (UInt32(truncatingIfNeeded: bits), UInt32(bits >> 32))
            context.num = UInt32(rest)
            state = .sha256(context)
        case .sha512(var context):
            withUnsafeMutableBytes(of: &context.h) { $0.copyBytes(from: Self.swapped(bytes[..<words], by: 8)) }
            withUnsafeMutableBytes(of: &context.u) { $0.copyBytes(from: bytes[words...]) }
            (context.Nl, context.Nh) = (UInt64(count) << 3, UInt64(count) >> 61)
            context.num = UInt32(rest)
            state = .sha512(context)
        }
        self.count = count
    }

    private static func bytes(_ word: some FixedWidthInteger) -> [UInt8] {
        withUnsafeBytes(of: word.bigEndian) { Array($0) }
    }

    /// Big-endian words as this machine keeps them.
    private static func swapped(_ bytes: ArraySlice<UInt8>, by width: Int) -> [UInt8] {
        guard 1.littleEndian == 1 else { return Array(bytes) }
        return stride(from: bytes.startIndex, to: bytes.endIndex, by: width).flatMap {
            bytes[$0..<$0 + width].reversed()
        }
    }
}
