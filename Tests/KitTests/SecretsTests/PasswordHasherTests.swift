import Runtime
import Testing

@testable import Secrets

@Suite("Passwords") struct PasswordHasherTests {
    let hasher = PasswordHasher(cost: 4, threads: 2, randomness: .system)

    @Test("a hash is bcrypt with a fresh salt and the asked cost, and only its password fits")
    func roundTrip() async throws {
        let one = try await hasher.hash("correct horse"), two = try await hasher.hash("correct horse")
        #expect(one.text.hasPrefix("$2b$04$") && one.text.count == 60)
        #expect(one != two)
        #expect(try await hasher.verify("correct horse", against: one))
        #expect(try await !hasher.verify("correct horsf", against: one))
        #expect(try await !hasher.verify("", against: one))
    }

    /// Public test vectors of bcrypt (the suites of crypt_blowfish and of py-bcrypt), with the prefix as stored by others.
    @Test(
        "reads the hashes of other registries",
        arguments: [
            ("U*U", "$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
            ("U*U", "$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
            ("U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
            ("U*U*U", "$2b$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a"),
            ("", "$2b$05$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy"),
        ])
    func others(_ password: String, _ stored: String) async throws {
        let hash = try PasswordHash(stored)
        #expect(try await hasher.verify(password, against: hash))
        #expect(try await !hasher.verify(password + "x", against: hash))
    }

    @Test(
        "refuses what is no bcrypt hash",
        arguments: [
            "", "password", "$1$abc$def", "$2b$12$short",
            "$2x$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
            "$2b$31$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
            "$2b$03$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
            "$2b$+5$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
            "$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOe\n",
            "$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyO$W",
        ])
    func malformed(_ text: String) {
        #expect(throws: PasswordHash.Malformed.self) { try PasswordHash(text) }
    }

    @Test("refuses new passwords that bcrypt would cut short")
    func cutShort() async throws {
        await #expect(throws: PasswordHasher.Failure.tooLong) {
            try await hasher.hash(String(repeating: "a", count: 73))
        }
        await #expect(throws: PasswordHasher.Failure.tooLong) {
            try await hasher.hash(String(repeating: "ü", count: 37))
        }
        await #expect(throws: PasswordHasher.Failure.zeroByte) { try await hasher.hash("secret\0more") }
        _ = try await hasher.hash(String(repeating: "a", count: 72))
    }

    @Test("a zero byte never shortens a shown password to a right one")
    func zeroByte() async throws {
        let hash = try await hasher.hash("secret"), empty = try await hasher.hash("")
        #expect(try await !hasher.verify("secret\0more", against: hash))
        #expect(try await !hasher.verify("\0", against: empty))
    }

    @Test("a password of megabytes is answered, by its first 72 bytes")
    func long() async throws {
        let hash = try await hasher.hash(String(repeating: "a", count: 72))
        #expect(try await hasher.verify(String(repeating: "a", count: 5_000_000), against: hash))
        #expect(try await !hasher.verify(String(repeating: "b", count: 5_000_000), against: hash))
    }

    @Test("SEC-Enumeration, timing: an unknown account costs as much as a wrong password, and never opens")
    func unknownAccount() async throws {
        let hasher = PasswordHasher(cost: 10, threads: 1, randomness: .system)
        let hash = try await hasher.hash("secret password")
        let clock = ContinuousClock()
        var known: [Duration] = []
        var unknown: [Duration] = []
        for _ in 0..<3 {
            let start = clock.now
            #expect(try await !hasher.verify("wrong password", against: hash))
            let middle = clock.now
            #expect(try await !hasher.verify("wrong password", against: nil))
            known.append(middle - start)
            unknown.append(clock.now - middle)
        }
        let least = try #require(unknown.min()), leastKnown = try #require(known.min())
        #expect(least > leastKnown / 4, "an unknown account was answered in \(least), a known one in \(leastKnown)")
    }

    @Test("SEC-Resource exhaustion: refuses more callers than may wait, and serves again afterwards")
    func busy() async throws {
        let hasher = PasswordHasher(cost: 9, threads: 1, waitingLimit: 2, randomness: .system)
        let outcomes = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<20 {
                group.addTask {
                    do { return try await hasher.verify("x", against: nil) == false } catch PasswordHasher.Failure.busy
                    { return false } catch {
                        Issue.record(error)
                        return false
                    }
                }
            }
            return await group.reduce(into: [Bool]()) { $0.append($1) }
        }
        #expect(outcomes.contains(true) && outcomes.contains(false))
        #expect(try await !hasher.verify("x", against: nil))
    }

    @Test("weaker and older hashes are named outdated")
    func outdated() throws {
        let old = try PasswordHash("$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW")
        #expect(PasswordHasher(cost: 6, randomness: .system).isOutdated(old))
        #expect(!PasswordHasher(cost: 5, randomness: .system).isOutdated(old))
    }
}
