import Foundation
import OCI
import TestSupport
import Testing

/// What strangers send, made by chance: no parser fails but by its error, and what it accepts keeps its rule.
@Suite("Fuzzing the parsers of OCI") struct OCIFuzzTests {
    private static let hex = "0123456789abcdef"

    @Test("SEC-Digest handling: an accepted digest is its own text, with the digits of its hash")
    func digests() {
        var fuzz = Fuzz("digests")
        var accepted = 0
        for _ in 0..<Fuzz.count(of: 100_000) {
            let algorithm = fuzz.pick(["sha256", "sha512", "sha384", "md5", "SHA256", ""])
            let count = fuzz.pick([64, 64, 128, 63, 65, 0])
            let digits = String((0..<count).map { _ in fuzz.pick(Array(Self.hex)) })
            var text = "\(algorithm):\(digits)"
            if fuzz.once(in: 3) { text = fuzz.mutated(text) }
            guard let digest = try? Digest(text) else { continue }
            accepted += 1
            #expect(digest.text == text)
            #expect(digest.hex.utf8.count == digest.algorithm.hexCount)
            #expect(text.utf8.allSatisfy { Self.hex.utf8.contains($0) || "sha:".utf8.contains($0) })
        }
        #expect(accepted > 1000)
    }

    @Test("an accepted media type is bare, and parses to itself") func mediaTypes() throws {
        var fuzz = Fuzz("media types")
        let known = [
            MediaType.ociImage.text, MediaType.dockerList.text, "application/json", "a/b", "text/plain; charset=x",
        ]
        for _ in 0..<Fuzz.count(of: 100_000) {
            let text =
                fuzz.once(in: 2)
                ? fuzz.mutated(fuzz.pick(known)) : fuzz.text(of: ["a", "/", "b+c", ".", ";", "="], 0...8)
            guard let type = try? MediaType(text) else { continue }
            #expect(try MediaType(type.text) == type)
            #expect(type.text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: ";") })
            #expect(type.text.split(separator: "/", omittingEmptySubsequences: false).count == 2)
        }
    }

    @Test("accepted JSON is JSON for Foundation too, and keeps its keys") func json() throws {
        var fuzz = Fuzz("JSON")
        for _ in 0..<Fuzz.count(of: 100_000) {
            var text = Self.value(&fuzz, depth: fuzz.number(0...4))
            if fuzz.once(in: 2) { text = fuzz.mutated(text) }
            guard let value = try? JSONValue(parsing: Array(text.utf8)) else { continue }
            let other = try? JSONSerialization.jsonObject(with: Data(text.utf8), options: .fragmentsAllowed)
            // Foundation gives up on numbers that no Double holds; the JSON is right all the same.
            guard let other else { continue }
            if let object = value.object { #expect((other as? [String: Any])?.count == object.count, "\(text)") }
            if let array = value.array { #expect((other as? [Any])?.count == array.count, "\(text)") }
            // Foundation drops a byte order mark at the beginning of a string.
            func unmarked(_ text: String?) -> String? { text?.replacing("\u{FEFF}", with: "") }
            if value.text != nil { #expect(unmarked(other as? String) == unmarked(value.text), "\(text)") }
        }
    }

    private static func value(_ fuzz: inout Fuzz, depth: Int) -> String {
        guard depth > 0 else {
            return fuzz.pick([
                "1", "-0.5e3", "true", "null", "\"a\"", "\"\\u00e9\\n\"", "\"\\ud83d\\udc33\"", "0", "\"\"",
            ])
        }
        let items = (0..<fuzz.number(0...3)).map { _ in value(&fuzz, depth: depth - 1) }
        guard fuzz.once(in: 2) else { return "[" + items.joined(separator: fuzz.pick([",", " , ", ",\n"])) + "]" }
        return "{" + items.enumerated().map { "\"k\($0.offset % 3)\":\($0.element)" }.joined(separator: ",") + "}"
    }

    @Test("SEC-Content confusion: an accepted manifest is one thing, of the declared type, byte for byte")
    func manifests() throws {
        var fuzz = Fuzz("manifests")
        var accepted = 0
        for _ in 0..<Fuzz.count(of: 100_000) {
            let body = Array(Self.manifest(&fuzz).utf8)
            let type = fuzz.pick([MediaType.ociImage, .ociIndex, .dockerImage, .dockerList, nil])
            guard let manifest = try? Manifest(body, declared: type) else { continue }
            accepted += 1
            #expect(manifest.bytes == body)
            #expect(type == nil || manifest.mediaType == type)
            #expect(try Manifest(body, declared: manifest.mediaType) == manifest)
            let object = try #require(try JSONValue(parsing: body).object)
            #expect(object["mediaType"]?.text.map { $0 == manifest.mediaType.text } ?? true)
            switch manifest.content {
            case .image: #expect(object["manifests"] == nil && object["layers"] != nil && manifest.mediaType.isImage)
            case .index: #expect(object["layers"] == nil && object["manifests"] != nil && manifest.mediaType.isIndex)
            }
            #expect((manifest.blobs + manifest.children).allSatisfy { $0.size >= 0 })
        }
        #expect(accepted > 1000)
    }

    /// Members in any order, some left out, twice, of the wrong kind, or broken.
    private static func manifest(_ fuzz: inout Fuzz) -> String {
        let digest =
            "sha256:\(String(repeating: fuzz.pick(["a", "b", "0"]), count: fuzz.pick([64, 64, 64, 64, 64, 63])))"
        let size = fuzz.pick(["1", "1", "1", "0", "-1", "1.5", "\"1\"", "9223372036854775808"])
        let descriptor = #"{"mediaType":"a/b","digest":"\#(digest)","size":\#(size)}"#
        let types = [MediaType.ociImage.text, MediaType.ociIndex.text, MediaType.dockerImage.text, "x/y"]
        let isImage = fuzz.once(in: 2)
        var members = [#""schemaVersion":\#(fuzz.once(in: 8) ? "1" : "2")"#]
        members +=
            isImage ? [#""config":\#(descriptor)"#, #""layers":[\#(descriptor)]"#] : [#""manifests":[\#(descriptor)]"#]
        let others = [
            #""mediaType":"\#(fuzz.pick(types))""#, #""mediaType":"\#(fuzz.pick(types))""#,
            #""subject":\#(descriptor)"#,
            #""artifactType":"x/y""#, #""annotations":{"a":"b"}"#, #""annotations":[]"#, #""manifests":[]"#,
            #""Layers":[]"#, #""layers":null"#, #""x":[[[]]]"#,
        ]
        for _ in 0..<fuzz.number(0...2) { members.append(fuzz.pick(others)) }
        if fuzz.once(in: 6) { members.remove(at: fuzz.number(0...members.count - 1)) }
        members.shuffle(using: &fuzz)
        let text = "{\(members.joined(separator: ","))}"
        return fuzz.once(in: 6) ? fuzz.mutated(text) : text
    }

    @Test("an accepted image reference is its own text's reference") func references() throws {
        var fuzz = Fuzz("image references")
        let pieces = [
            "a", "b-c", "/", ":", "@", ".", "localhost", ":5000", "v1", "sha256:\(String(repeating: "a", count: 64))",
        ]
        for _ in 0..<Fuzz.count(of: 100_000) {
            guard let reference = try? ImageReference(fuzz.text(of: pieces, 0...8)) else { continue }
            #expect(try ImageReference(reference.text) == reference)
        }
    }
}
