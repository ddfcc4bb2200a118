/// Where a visitor goes after signing in: a page of this site, and never another one.
///
/// Shape: an absolute path with an optional query. Anything that a browser could take for another host (`//host`,
/// `/\host`, a scheme, control characters, which browsers skip) is not one.
struct ReturnPath: Sendable, Hashable {
    let text: String

    /// The front page.
    static let home = ReturnPath(unchecked: "/")

    /// Nil unless `text` is a path of this site.
    init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard bytes.first == UInt8(ascii: "/"), bytes.count <= 2_048,
            bytes.allSatisfy({ $0 > 0x20 && $0 != 0x7F && $0 != UInt8(ascii: "\\") }),
            bytes.count == 1 || bytes[1] != UInt8(ascii: "/")
        else { return nil }
        // Signing in must not lead to the sign-in page again, nor to an address that only programs read.
        let path = text.prefix { $0 != "?" && $0 != "#" }
        guard !path.hasPrefix("/signin"), !path.hasPrefix("/api/"), !path.hasPrefix("/v2/") else { return nil }
        self.text = text
    }

    private init(unchecked text: String) { self.text = text }
}

/// The sign-in page with the way back in its query.
struct SignInPath: Sendable, Hashable {
    let text: String

    /// - Parameter path: the page to come back to; ignored when it is not a page of this site.
    init(returningTo path: String) {
        guard let target = ReturnPath(path), target != .home else {
            text = "/signin/"
            return
        }
        text = "/signin/?next=" + PathEncoding.queryValue(target.text)
    }
}

/// Percent-encoding for the paths that pages link to.
enum PathEncoding {
    /// A value in a query: everything but unreserved characters and slashes is encoded.
    static func queryValue(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var encoded: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"), UInt8(ascii: "/"):
                encoded.append(byte)
            default: encoded += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: encoded, as: UTF8.self)
    }
}
