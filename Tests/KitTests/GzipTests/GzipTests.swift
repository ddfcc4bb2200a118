import Foundation
import TestSupport
import Testing

@testable import Gzip

@Suite("Gzip") struct GzipTests {
    static func read(_ bytes: [UInt8], at entry: GzipReader.Entry, pieces: Int = 1000) throws -> [UInt8] {
        let reader = GzipReader(at: entry)
        var all: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: pieces) {
            reader.feed(Array(bytes[start..<min(start + pieces, bytes.count)]))
            while let piece = try reader.next() { all += piece }
        }
        return all
    }

    @Test("what was written comes back, in pieces of any size", arguments: [0, 1, 17, 70_000, 1_000_000])
    func roundTrip(_ count: Int) throws {
        var fuzz = Fuzz("gzip \(count)")
        let text = (0..<count).map { _ in UInt8(truncatingIfNeeded: fuzz.next() & 0x1F) }
        let writer = GzipWriter()
        let packed = writer.write(text) + writer.finish()
        #expect(writer.count == Int64(packed.count))
        for pieces in [1, 777, 1 << 20] where count < 100_000 || pieces > 1 {
            #expect(try Self.read(packed, at: .start, pieces: pieces) == text)
        }
    }

    @Test("each part can be read alone, and all of them as one member that other programs read")
    func parts() async throws {
        let writer = GzipWriter()
        var packed = writer.flush()
        var marks = [writer.count]
        let parts = (0..<5).map { part in
            Array(String(repeating: "line \(part)\n", count: part == 3 ? 0 : 4000).utf8)
        }
        for part in parts {
            packed += writer.write(part)
            packed += writer.flush()
            marks.append(writer.count)
        }
        packed += writer.finish()
        for (number, part) in parts.enumerated() {
            let range = Int(marks[number])..<Int(marks[number + 1])
            #expect(try Self.read(Array(packed[range]), at: .flushed) == part)
        }
        // The last part with what ends the member.
        #expect(try Self.read(Array(packed[Int(marks[4])...]), at: .flushed) == parts[4])
        #expect(try Self.read(packed, at: .start) == parts.flatMap { $0 })
        let folder = try TemporaryFolder()
        let file = folder.path + "/log.gz"
        #expect(FileManager.default.createFile(atPath: file, contents: Data(packed)))
        let gunzip = try ChildProcess("gzip", ["-t", file])
        #expect(try await gunzip.exit() == 0)
    }

    @Test("what is no gzip, or is damaged, is said so")
    func damage() throws {
        #expect(throws: GzipError.self) { try Self.read(Array("hello world".utf8), at: .start) }
        let writer = GzipWriter()
        var packed = writer.write(Array(String(repeating: "abcdefgh", count: 1000).utf8)) + writer.finish()
        packed[packed.count - 6] ^= 0xFF
        #expect(throws: GzipError.self) { try Self.read(packed, at: .start) }
    }

    @Test("what a member holds is answered in pieces, however small it was compressed")
    func bomb() throws {
        let writer = GzipWriter()
        var packed = writer.write([UInt8](repeating: 0, count: 50_000_000))
        packed += writer.finish()
        let reader = GzipReader(at: .start)
        reader.feed(packed)
        var (count, largest) = (0, 0)
        while let piece = try reader.next() {
            count += piece.count
            largest = max(largest, piece.count)
        }
        #expect(count == 50_000_000)
        #expect(largest <= 65_536)
        #expect(reader.isFinished)
    }
}
