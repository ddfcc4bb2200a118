/// The members of one JSON object inside a manifest, read by name with errors that say where.
struct JSONMembers {
    private let members: [String: JSONValue]
    /// Where the object stands, such as `layers[2].`; empty for the document itself.
    private let path: String

    init(_ members: [String: JSONValue], path: String = "") {
        self.members = members
        self.path = path
    }

    var names: Dictionary<String, JSONValue>.Keys { members.keys }

    /// The member's value; nil when it is absent or null.
    func value(_ name: String) -> JSONValue? {
        guard let value = members[name], value != .null else { return nil }
        return value
    }

    func text(_ name: String) throws(Manifest.Malformed) -> String {
        guard let text = try textIfAny(name) else { throw failure(name, "is missing") }
        return text
    }

    func textIfAny(_ name: String) throws(Manifest.Malformed) -> String? {
        guard let value = value(name) else { return nil }
        guard let text = value.text else { throw failure(name, "must be text") }
        return text
    }

    func mediaType(_ name: String) throws(Manifest.Malformed) -> MediaType {
        guard let type = try mediaTypeIfAny(name) else { throw failure(name, "is missing") }
        return type
    }

    /// A media type that must stand there bare: with parameters or blanks it would not equal itself after parsing.
    func mediaTypeIfAny(_ name: String) throws(Manifest.Malformed) -> MediaType? {
        guard let text = try textIfAny(name) else { return nil }
        guard let type = try? MediaType(text), type.text == text else { throw failure(name, "is not a media type") }
        return type
    }

    /// The kind of artifact; nil when absent or empty. Taken in any form that fits into a header and a query, since clients
    /// write more than media types here.
    func artifactTypeIfAny() throws(Manifest.Malformed) -> String? {
        guard let text = try textIfAny("artifactType"), !text.isEmpty else { return nil }
        guard text.utf8.count <= 255, text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw failure("artifactType", "is not a media type")
        }
        return text
    }

    /// A mapping of text to text; empty when absent.
    func texts(_ name: String) throws(Manifest.Malformed) -> [String: String] {
        guard let value = value(name) else { return [:] }
        guard let object = value.object else { throw failure(name, "must be an object") }
        var texts: [String: String] = [:]
        for (key, value) in object {
            guard let text = value.text else { throw failure("\(name).\(key.prefix(64))", "must be text") }
            texts[key] = text
        }
        return texts
    }

    func textList(_ name: String) throws(Manifest.Malformed) -> [String] {
        guard let value = value(name) else { return [] }
        guard let array = value.array else { throw failure(name, "must be a list") }
        var texts: [String] = []
        for value in array {
            guard let text = value.text else { throw failure(name, "must be a list of texts") }
            texts.append(text)
        }
        return texts
    }

    func membersIfAny(_ name: String) throws(Manifest.Malformed) -> JSONMembers? {
        guard let value = value(name) else { return nil }
        guard let object = value.object else { throw failure(name, "must be an object") }
        return JSONMembers(object, path: "\(path)\(name).")
    }

    func descriptorIfAny(_ name: String) throws(Manifest.Malformed) -> Descriptor? {
        guard let members = try membersIfAny(name) else { return nil }
        return try Descriptor(members)
    }

    /// A list of descriptors, capped so that one manifest can't make the registry look up without end.
    func descriptors(_ name: String) throws(Manifest.Malformed) -> [Descriptor] {
        guard let array = value(name)?.array else { throw failure(name, "must be a list") }
        guard array.count <= Manifest.maximumDescriptors else {
            throw failure(name, "has more than \(Manifest.maximumDescriptors) entries")
        }
        var descriptors: [Descriptor] = []
        descriptors.reserveCapacity(array.count)
        for (index, value) in array.enumerated() {
            guard let object = value.object else { throw failure("\(name)[\(index)]", "must be an object") }
            descriptors.append(try Descriptor(JSONMembers(object, path: "\(path)\(name)[\(index)].")))
        }
        return descriptors
    }

    func failure(_ name: String, _ what: String) -> Manifest.Malformed {
        Manifest.Malformed(reason: "\(path)\(name) \(what).")
    }
}
