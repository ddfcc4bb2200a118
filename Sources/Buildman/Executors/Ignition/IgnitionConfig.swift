import Foundation

/// What a machine is told at its first start: accounts, files, links and units.
///
/// The part of Ignition's specification 3.0.0 that builders need; every Ignition since 2.0 reads it.
struct IgnitionConfig: Sendable, Hashable, Encodable {
    struct Header: Sendable, Hashable, Encodable {
        let version = "3.0.0"
    }

    struct Accounts: Sendable, Hashable, Encodable {
        var users: [User]
    }

    struct User: Sendable, Hashable, Encodable {
        let name: String
        let sshAuthorizedKeys: [String]
    }

    struct Storage: Sendable, Hashable, Encodable {
        var directories: [Directory] = []
        var files: [File] = []
        var links: [Link] = []
    }

    struct Directory: Sendable, Hashable, Encodable {
        let path: String
        /// Permissions; a decimal number in the document.
        let mode: Int
    }

    struct File: Sendable, Hashable, Encodable {
        struct Contents: Sendable, Hashable, Encodable {
            /// A data URL.
            let source: String
        }

        let path: String
        let mode: Int
        let overwrite = true
        let contents: Contents

        init(_ path: String, mode: Int = 0o644, _ text: String) {
            self.path = path
            self.mode = mode
            contents = Contents(source: DataURL.of(text))
        }
    }

    /// A symbolic link.
    struct Link: Sendable, Hashable, Encodable {
        let path: String
        let target: String
        let overwrite = true
    }

    struct Units: Sendable, Hashable, Encodable {
        var units: [Unit] = []
    }

    struct Unit: Sendable, Hashable, Encodable {
        let name: String
        var enabled: Bool?
        var mask: Bool?
        var contents: String?

        /// A unit that is started with the machine.
        static func enabled(_ name: String, _ contents: String? = nil) -> Unit {
            Unit(name: name, enabled: true, contents: contents)
        }

        /// A unit that nothing can start.
        static func masked(_ name: String) -> Unit { Unit(name: name, mask: true) }
    }

    let ignition = Header()
    /// Nil: the image's own accounts, as they are.
    var passwd: Accounts?
    var storage = Storage()
    var systemd = Units()

    /// The document, the same text for the same values.
    func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }
}

/// A text as an address that holds it (RFC 2397): percent-encoded or base64, whichever is shorter.
enum DataURL {
    static func of(_ text: String) -> String {
        let plain = "data:," + percentEncoded(text)
        let coded = "data:;base64," + Data(text.utf8).base64EncodedString()
        return coded.utf8.count < plain.utf8.count ? coded : plain
    }

    private static func percentEncoded(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var result: [UInt8] = []
        for byte in text.utf8 {
            if isPlain(byte) {
                result.append(byte)
            } else {
                result += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    /// A plus is encoded too: there are readers that take it for a blank.
    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "-_.~/:=,@".utf8.contains(byte)
        }
    }
}
