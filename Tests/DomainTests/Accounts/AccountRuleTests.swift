import Domain
import Foundation
import Testing

@Suite("Password rule") struct PasswordRuleTests {
    @Test("takes 8 characters and more without white space", arguments: ["12345678", "pässwörd", "a-b_c.d$e"])
    func takes(_ password: String) throws { try PasswordRule.check(password) }

    @Test(
        "refuses what is short, holds a blank or a NUL, or is longer than bcrypt reads",
        arguments: [
            "", "1234567", "1234 5678", "1234\t5678", "1234\u{a0}5678", "1234\u{0}5678",
            String(repeating: "a", count: 73),
        ])
    func refuses(_ password: String) { #expect(throws: PasswordRule.Broken.self) { try PasswordRule.check(password) } }
}

@Suite("E-mail addresses") struct EmailAddressTests {
    @Test("takes one @ with something on both sides", arguments: ["a@b", "A.B+c@Example.COM", "x@localhost"])
    func takes(_ text: String) throws { #expect(try EmailAddress(text).text == text.lowercased()) }

    @Test(
        "refuses what no mailbox has, and what could end a header",
        arguments: ["", "@", "a@", "@b", "a@b@c", "a b@c", "a@b\r\nBcc: x@y", "a@b,c@d", "<a@b>", "a@.", "a\u{0}@b"])
    func refuses(_ text: String) { #expect(throws: EmailAddress.Malformed.self) { try EmailAddress(text) } }
}

@Suite("Login throttle") struct LoginThrottleTests {
    static let last = Date(timeIntervalSince1970: 1_000_000)

    @Test(
        "waits half a second times 2^n - 1 after n wrong passwords, in whole seconds rounded up",
        arguments: [(0, 0.0, nil), (1, 0.0, 1), (1, 0.5, nil), (2, 0.0, 2), (3, 0.0, 4), (4, 3.5, 4), (5, 15.5, nil)]
            as [(Int, Double, Int?)])
    func waits(_ failures: Int, _ elapsed: Double, _ expected: Int?) {
        let throttle = LoginThrottle(failures: failures, lastFailure: Self.last)
        #expect(throttle.secondsToWait(at: Self.last.addingTimeInterval(elapsed)) == expected)
    }

    @Test("never waits longer than an hour, however many guesses came")
    func endsAtAnHour() {
        let throttle = LoginThrottle(failures: 1_000_000, lastFailure: Self.last)
        #expect(throttle.secondsToWait(at: Self.last) == 3600)
        #expect(throttle.secondsToWait(at: Self.last.addingTimeInterval(3600)) == nil)
    }

    @Test("a clock that was set back does not lock the account for longer than its wait")
    func clockSetBack() {
        let throttle = LoginThrottle(failures: 2, lastFailure: Self.last)
        #expect(throttle.secondsToWait(at: Self.last.addingTimeInterval(-86_400)) == 2)
    }
}

@Suite("Avatars") struct AvatarTests {
    @Test("are made from the trimmed lower-case address, or from the name where there is none")
    func hashedText() {
        #expect(Avatar(name: "bob", kind: .user, email: "  Bob@X.Y ").hashedText == "bob@x.y")
        #expect(Avatar(name: "Bob", kind: .user, email: "").hashedText == "bob")
        #expect(Avatar(name: "owners", kind: .team).hashedText == "owners")
    }
}
