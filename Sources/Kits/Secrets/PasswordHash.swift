/// A bcrypt hash of a password, as it is stored with an account.
///
/// Shape: `$2b$12$` + 22 characters of salt + 31 of hash; `$2y$` and `$2a$` of older registries are read as well.
/// Source: the modular crypt format of bcrypt; Quay 3.4 stores `$2b$12$…`.
package struct PasswordHash: Sendable, Hashable {
    package let text: String
    /// The work factor: each step doubles the time of one check.
    package let cost: Int

    /// What may stand in the database: a check of cost 17 takes seconds, more would only block others.
    package static let allowedCosts = 4...17

    /// The text is not a bcrypt hash whose cost is allowed. The text itself is not repeated: it may be a password.
    package struct Malformed: Error, CustomStringConvertible {
        package var description: String {
            "The stored password is not a bcrypt hash ($2a$, $2b$ or $2y$, cost 4 to 17)."
        }
    }

    /// Reads a stored hash; throws ``Malformed`` for anything else.
    package init(_ text: String) throws(Malformed) {
        let bytes = [UInt8](text.utf8)
        guard bytes.count == 60, ["$2a$", "$2b$", "$2y$"].contains(String(text.prefix(4))),
            bytes[6] == UInt8(ascii: "$"), bytes[4...5].allSatisfy({ (0x30...0x39).contains($0) }),
            let cost = Int(String(decoding: bytes[4...5], as: UTF8.self)), Self.allowedCosts.contains(cost),
            bytes[7...].allSatisfy(Self.isInAlphabet)
        else { throw Malformed() }
        self.text = text
        self.cost = cost
    }

    private init(text: String, cost: Int) {
        self.text = text
        self.cost = cost
    }

    /// A hash that no password has, for checks that must cost as much as a real one and always fail.
    static func unmatchable(cost: Int) -> PasswordHash {
        PasswordHash(text: "$2b$\(cost < 10 ? "0" : "")\(cost)$" + String(repeating: ".", count: 53), cost: cost)
    }

    private static func isInAlphabet(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: ".")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "a")...UInt8(ascii: "z"):
            true
        default: false
        }
    }
}
