import Domain
import TestSupport
import Testing

/// Names, ranges and scopes made by chance: what is accepted is what the specification's own expression accepts.
@Suite("Fuzzing names, ranges and scopes") struct NameFuzzTests {
    @Test("a repository name is accepted exactly where the rules of its parts accept it") func repositories() throws {
        var fuzz = Fuzz("repository names")
        let rule = /[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*/
        let pieces = ["a", "b0", "abc", "ab/c", "/", ".", "_", "__", "-", "--", "___", "._", "Z", "x/y", "bc", "12"]
        var accepted = 0
        for _ in 0..<Fuzz.count(of: 100_000) {
            let text = fuzz.text(of: pieces, 2...7) + (fuzz.once(in: 50) ? String(repeating: "a", count: 250) : "")
            let name = try? RepositoryName(text)
            if let name {
                accepted += 1
                #expect(name.text == text)
                #expect(try RepositoryName(namespace: name.namespace, name: name.name) == name)
            }
            // Only the namespace is narrower than the specification: it is a user's name.
            guard name != nil || fuzz.once(in: 8), let slash = text.firstIndex(of: "/") else { continue }
            let isRight =
                text.wholeMatch(of: rule) != nil && text.utf8.count <= 255
                && (try? Username(String(text[..<slash]))) != nil
            #expect((name != nil) == isRight, "\(text) (seed \(fuzz.seed))")
        }
        #expect(accepted > 500)
    }

    @Test("a tag is accepted exactly where the specification's expression accepts it") func tags() throws {
        var fuzz = Fuzz("tags")
        let rule = /[a-zA-Z0-9_][a-zA-Z0-9._\-]{0,127}/
        for _ in 0..<Fuzz.count(of: 100_000) {
            let text =
                fuzz.text(of: ["a", "Z", "0", "_", ".", "-", "v1"], 0...6)
                + (fuzz.once(in: 40) ? String(repeating: "x", count: fuzz.number(120...130)) : "")
            let tag = try? TagName(text)
            if let tag { #expect(tag.text == text) }
            #expect(try TagName(TagName(escaping: text).text).text == TagName(escaping: text).text)
            guard tag != nil || fuzz.once(in: 4) else { continue }
            #expect((tag != nil) == (text.wholeMatch(of: rule) != nil), "\(text) (seed \(fuzz.seed))")
        }
    }

    @Test(
        "an accepted Content-Range has an end that is not before its beginning, and a piece fits only where it begins")
    func ranges() throws {
        var fuzz = Fuzz("Content-Range")
        let pieces = ["0", "1", "99", "-", "-", "bytes ", "/", "*", "10", "9223372036854775807", "9223372036854775806"]
        var accepted = 0
        for _ in 0..<Fuzz.count(of: 100_000) {
            let text =
                fuzz.once(in: 3)
                ? fuzz.text(of: pieces, 0...6)
                : fuzz.mutated("\(fuzz.number(0...50))-\(fuzz.number(0...99))", times: 0...1)
            guard let piece = try? UploadProgress.Piece(text) else { continue }
            accepted += 1
            #expect(0 <= piece.first && piece.first <= piece.last && piece.count == piece.last - piece.first + 1)
            #expect(try UploadProgress.Piece("\(piece.first)-\(piece.last)") == piece)
            var progress = UploadProgress(offset: Int64(fuzz.number(0...20)))
            let fits = (try? progress.check(piece, announced: nil)) != nil
            #expect(fits == (piece.first == progress.offset))
            guard fits else { continue }
            let count = fuzz.once(in: 2) ? piece.count : Int64(fuzz.number(0...100))
            #expect(((try? progress.advance(by: count, as: piece)) != nil) == (count == piece.count))
        }
        #expect(accepted > 1000)
    }

    @Test("an accepted scope names a repository and known actions") func scopes() throws {
        var fuzz = Fuzz("scopes")
        let library = try Username("library")
        let pieces = [
            "repository:", "host:5000/", "owner/app", "a", "/", ":", "pull", "push", ",", "*", "delete", " ",
            "registry:",
        ]
        var accepted = 0
        for _ in 0..<Fuzz.count(of: 100_000) {
            let text =
                fuzz.once(in: 2)
                ? fuzz.text(of: pieces, 0...7)
                : fuzz.mutated(
                    "repository:\(fuzz.pick(["", "host:5000/"]))owner/app:\(fuzz.pick(["pull", "pull,push", "*"]))",
                    times: 0...2)
            let scopes: [RegistryTokenScope]
            do { scopes = try RegistryTokenScope.parse([text], hostname: "host:5000", library: library) } catch {
                continue
            }
            for scope in scopes {
                accepted += 1
                #expect(!scope.actions.isEmpty)
                #expect(scope.requestedName.hasSuffix(scope.repository.name))
                #expect(try RepositoryName(scope.repository.text) == scope.repository)
            }
        }
        #expect(accepted > 1000)
    }
}
