import Foundation
import Runtime
import Secrets
import Testing

@Suite("Encrypted fields") struct FieldCipherTests {
    let cipher = FieldCipher(secret: "database secret", randomness: .system)
    let field = FieldCipher.Field(table: "robot_token", column: "token")

    @Test(
        "opens what it sealed, and never gives the same text twice",
        arguments: ["", "x", "päss\0word", String(repeating: "k", count: 9000)])
    func roundTrip(_ plain: String) throws {
        let stored = try cipher.encrypt(plain, for: field)
        #expect(stored.hasPrefix("fc1:") && (plain.count < 2 || !stored.contains(plain)))
        #expect(try cipher.decrypt(stored, for: field) == plain)
        #expect(try cipher.encrypt(plain, for: field) != stored)
        #expect(try FieldCipher(secret: "database secret", randomness: .system).decrypt(stored, for: field) == plain)
    }

    @Test(
        "SEC-Secrets shown to readers: a value that was moved to another place doesn't open",
        arguments: [
            FieldCipher.Field(table: "robot_token", column: "token", row: "7"),
            .init(table: "robot_token", column: "tokens"),
            .init(table: "robot", column: "_tokentoken"), .init(table: "trigger", column: "token"),
            .init(table: "", column: ""),
        ])
    func moved(_ other: FieldCipher.Field) throws {
        let stored = try cipher.encrypt("secret", for: field)
        #expect(throws: FieldCipher.Failure.doesNotOpen(table: other.table, column: other.column)) {
            try cipher.decrypt(stored, for: other)
        }
    }

    @Test("another key, and every changed character, is refused")
    func altered() throws {
        let stored = try cipher.encrypt("secret", for: field)
        #expect(throws: FieldCipher.Failure.self) {
            try FieldCipher(secret: "database secret ", randomness: .system).decrypt(stored, for: field)
        }
        for position in stored.indices {
            var changed = stored
            changed.replaceSubrange(position...position, with: stored[position] == "A" ? "B" : "A")
            #expect(throws: FieldCipher.Failure.self) { try cipher.decrypt(changed, for: field) }
        }
    }

    @Test(
        "refuses texts that are not in the encrypted form",
        arguments: ["", "secret", "fc1:", "fc1:AAAA", "fc2:AAAA", "v0$$abc=="])
    func notEncrypted(_ text: String) {
        #expect(throws: FieldCipher.Failure.notEncrypted) { try cipher.decrypt(text, for: field) }
    }
}
