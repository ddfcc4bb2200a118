import Domain
import HTTPTypes
import OCI

/// What a path below `/v2/` names. Read from its right end: repository names hold slashes.
enum V2Path: Sendable, Hashable {
    case root
    case token
    case catalog
    case uploads(RepositoryName)
    case upload(RepositoryName, uuid: String)
    case blob(RepositoryName, Digest)
    case manifest(RepositoryName, reference: String)
    case tags(RepositoryName)
    case referrers(RepositoryName, Digest)

    enum Malformed: Error, Sendable, Hashable {
        /// No path of this API.
        case unknown
        case name(String)
        case digest(String)
    }

    /// - Parameters:
    ///   - path: as it stands in the request, without the query.
    ///   - library: the namespace of names without a slash.
    /// Throws ``Malformed``.
    init(_ path: String, library: Username) throws(Malformed) {
        guard path != "/v2", path != "/v2/" else {
            self = .root
            return
        }
        guard path.hasPrefix("/v2/") else { throw .unknown }
        var segments: [String] = []
        for part in path.dropFirst("/v2/".count).split(separator: "/", omittingEmptySubsequences: false) {
            // A slash can't come in by encoding: it would move the borders that were just found.
            guard let segment = String(part).percentDecoded(), !segment.contains("/") else {
                throw .unknown
            }
            segments.append(segment)
        }
        switch segments {
        case ["auth"]: self = .token
        case ["_catalog"]: self = .catalog
        default: self = try Self.resource(segments, library: library)
        }
    }

    /// The repository that the path is about; nil for what is about none.
    var repository: RepositoryName? {
        switch self {
        case .root, .token, .catalog: nil
        case .uploads(let name), .upload(let name, _), .blob(let name, _), .manifest(let name, _), .tags(let name),
            .referrers(let name, _):
            name
        }
    }

    /// What can be done with it.
    var methods: [HTTPRequest.Method] {
        switch self {
        case .root, .catalog, .tags, .referrers: [.get, .head]
        case .token: [.get, .post]
        case .uploads: [.post]
        case .upload: [.get, .head, .patch, .put, .delete]
        case .blob: [.get, .head, .delete]
        case .manifest: [.get, .head, .put, .delete]
        }
    }

    /// The role in the repository that `method` needs. Whoever uploads may write, also when only asking how far it came.
    func role(for method: HTTPRequest.Method) -> RepositoryRole {
        switch self {
        case .uploads, .upload: .write
        default: method == .get || method == .head ? .read : .write
        }
    }

    private static func resource(_ segments: [String], library: Username) throws(Malformed) -> V2Path {
        guard let last = segments.last, segments.count >= 3 else { throw .unknown }
        func name(without count: Int) throws(Malformed) -> RepositoryName {
            let text = segments.dropLast(count).joined(separator: "/")
            do { return try RepositoryName(text, library: library) } catch { throw .name(text) }
        }
        if segments.count >= 4, segments[segments.count - 3] == "blobs", segments[segments.count - 2] == "uploads" {
            return last.isEmpty ? .uploads(try name(without: 3)) : .upload(try name(without: 3), uuid: last)
        }
        switch (segments[segments.count - 2], last) {
        case ("blobs", "uploads"): return .uploads(try name(without: 2))
        case ("blobs", _): return .blob(try name(without: 2), try digest(last))
        case ("manifests", _): return .manifest(try name(without: 2), reference: last)
        case ("tags", "list"): return .tags(try name(without: 2))
        case ("referrers", _): return .referrers(try name(without: 2), try digest(last))
        default: throw .unknown
        }
    }

    private static func digest(_ text: String) throws(Malformed) -> Digest {
        do { return try Digest(text) } catch { throw .digest(text) }
    }
}

extension String {
    /// The text with every `%XX` decoded; nil when one is broken or the bytes are no UTF-8.
    func percentDecoded() -> String? {
        guard utf8.contains(UInt8(ascii: "%")) else { return self }
        var bytes: [UInt8] = []
        var rest = utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            let digits = rest.prefix(2)
            guard digits.count == 2, digits.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }),
                let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 16)
            else { return nil }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        return String(validating: bytes, as: UTF8.self)
    }
}
