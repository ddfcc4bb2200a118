import Foundation
import Runtime
import Secrets
import Testing

@Suite("Sealed tokens") struct SignedTokensTests {
    struct Cursor: Codable, Equatable { var id: Int; var name: String }

    let tokens = SignedTokens(secret: "secret key", purpose: "session", randomness: .system)
    let now = Date(timeIntervalSince1970: 1_600_000_000)
    let value = Cursor(id: 7, name: "a/b\n")

    @Test("gives back the value until its expiry, to the millisecond")
    func roundTrip() throws {
        let token = try tokens.issue(value, expiresAt: now + 10, context: "GET /x")
        #expect(token.utf8.allSatisfy { $0 != UInt8(ascii: "+") && $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "=") })
        #expect(try tokens.read(token, as: Cursor.self, context: "GET /x", now: now + 9.999) == value)
        #expect(throws: SignedTokens.Failure.expired) {
            try tokens.read(token, as: Cursor.self, context: "GET /x", now: now + 10)
        }
    }

    @Test("SEC-Key/issuer trust: a token of another purpose, context, key or type is invalid")
    func strangers() throws {
        let token = try tokens.issue(value, expiresAt: now + 10, context: "one")
        let others = [
            SignedTokens(secret: "secret key", purpose: "page", randomness: .system),
            SignedTokens(secret: "other key", purpose: "session", randomness: .system),
        ]
        for other in others {
            #expect(throws: SignedTokens.Failure.invalid) {
                try other.read(token, as: Cursor.self, context: "one", now: now)
            }
        }
        #expect(throws: SignedTokens.Failure.invalid) {
            try tokens.read(token, as: Cursor.self, context: "two", now: now)
        }
        #expect(throws: SignedTokens.Failure.invalid) { try tokens.read(token, as: Cursor.self, now: now) }
        #expect(throws: SignedTokens.Failure.invalid) {
            try tokens.read(token, as: [Int].self, context: "one", now: now)
        }
    }

    @Test("SEC-Deserialisation of stored state: every changed character makes it invalid, also of an expired one")
    func altered() throws {
        let token = try tokens.issue(value, expiresAt: now - 1)
        for position in token.indices {
            var changed = token
            changed.replaceSubrange(position...position, with: token[position] == "A" ? "B" : "A")
            #expect(throws: SignedTokens.Failure.invalid) { try tokens.read(changed, as: Cursor.self, now: now) }
        }
    }

    @Test(
        "refuses what is no token",
        arguments: ["", "A", "AQ", "AQAAAAAAAAAAAAAA", "null", String(repeating: "A", count: 100_000), "ü"])
    func garbage(_ text: String) {
        #expect(throws: SignedTokens.Failure.invalid) { try tokens.read(text, as: Cursor.self, now: now) }
    }

    @Test("refuses to make a token that it would not read")
    func tooLarge() {
        #expect(throws: SignedTokens.Failure.tooLarge) {
            try tokens.issue(String(repeating: "x", count: 4000), expiresAt: now)
        }
    }

    @Test("the content can't be read from outside")
    func sealed() throws {
        let token = try tokens.issue(Cursor(id: 1, name: "visible"), expiresAt: now)
        let bytes = try #require(Base64URL.decode(token))
        #expect(!String(decoding: bytes, as: UTF8.self).contains("visible"))
    }

    @Test("a page token belongs to its listing and lasts two days")
    func pages() throws {
        let pages = PageTokens(secret: "secret key", randomness: .system)
        let token = try pages.token(for: value, of: "listTags ns/app", now: now)
        #expect(try pages.cursor(in: token, as: Cursor.self, of: "listTags ns/app", now: now + 3600) == value)
        #expect(throws: SignedTokens.Failure.invalid) {
            try pages.cursor(in: token, as: Cursor.self, of: "listTags ns/other", now: now)
        }
        #expect(throws: SignedTokens.Failure.expired) {
            try pages.cursor(in: token, as: Cursor.self, of: "listTags ns/app", now: now + 2 * 24 * 3600)
        }
    }
}
