import Domain

/// What a route's JSON body must look like: data that validates requests and describes itself in `/api/v1/discovery`.
///
/// Members that a schema does not name are ignored: a route's types take only what they know.
struct BodySchema: Sendable {
    /// The type of one value.
    indirect enum Kind: Sendable {
        case string(oneOf: [String] = [])
        case boolean
        case integer(minimum: Int64? = nil)
        case number
        case object([Field] = [])
        case array(of: Kind, minimumCount: Int = 0, isUnique: Bool = false)
    }

    struct Field: Sendable {
        let name: String
        let kind: Kind
        var isRequired = false
        var isNullable = false
        /// For the documentation.
        var description = ""

        static func required(_ name: String, _ kind: Kind = .string(), nullable: Bool = false, _ about: String = "")
            -> Field
        {
            Field(name: name, kind: kind, isRequired: true, isNullable: nullable, description: about)
        }

        static func optional(_ name: String, _ kind: Kind = .string(), nullable: Bool = false, _ about: String = "")
            -> Field
        {
            Field(name: name, kind: kind, isNullable: nullable, description: about)
        }
    }

    /// The name in `definitions`.
    let name: String
    let fields: [Field]
    /// Whether a request may come without a body, which then counts as `{}`.
    let isBodyOptional: Bool

    init(_ name: String, isBodyOptional: Bool = false, _ fields: Field...) {
        self.init(name, isBodyOptional: isBodyOptional, fields: fields)
    }

    init(_ name: String, isBodyOptional: Bool = false, fields: [Field]) {
        self.name = name
        self.fields = fields
        self.isBodyOptional = isBodyOptional
    }

    /// Errors: `.invalidRequest` with a sentence that names the first member that is wrong.
    func validate(_ body: JSONValue) throws {
        try Self.validate(body, .object(fields), at: "")
    }

    private static func validate(_ value: JSONValue, _ kind: Kind, at path: String) throws {
        switch (kind, value) {
        case (.string(let allowed), .string(let text)):
            guard allowed.isEmpty || allowed.contains(text) else {
                throw wrong(
                    "\(quoted(value)) is not one of [\(allowed.map { "'\($0)'" }.joined(separator: ", "))]", path)
            }
        case (.boolean, .bool), (.number, .integer), (.number, .real): break
        case (.integer(let minimum), .integer(let number)):
            if let minimum, number < minimum {
                throw wrong("\(number) is less than the minimum of \(minimum)", path)
            }
        case (.object(let fields), .object(let members)):
            for field in fields {
                guard let member = members[field.name] else {
                    guard !field.isRequired else { throw wrong("'\(field.name)' is a required property", path) }
                    continue
                }
                if field.isNullable, member == .null { continue }
                try validate(member, field.kind, at: path.isEmpty ? field.name : "\(path).\(field.name)")
            }
        case (.array(let element, let minimum, let isUnique), .array(let elements)):
            guard elements.count >= minimum else { throw wrong("\(quoted(value)) is too short", path) }
            guard !isUnique || Set(elements).count == elements.count else {
                throw wrong("\(quoted(value)) has non-unique elements", path)
            }
            for (index, member) in elements.enumerated() { try validate(member, element, at: "\(path)[\(index)]") }
        default: throw wrong("\(quoted(value)) is not of type '\(kind.typeName)'", path)
        }
    }

    private static func wrong(_ message: String, _ path: String) -> RegistryError {
        RegistryError(.invalidRequest, path.isEmpty ? message : "\(message) (\(path))")
    }

    /// A value as an error names it: never longer than a line, and no object or list, which may hold secrets.
    private static func quoted(_ value: JSONValue) -> String {
        switch value {
        case .null: "None"
        case .bool(let value): value ? "True" : "False"
        case .integer(let value): String(value)
        case .real(let value): String(value)
        case .string(let text): "'\(text.prefix(64))'"
        case .array: "The list"
        case .object: "The object"
        }
    }
}

extension BodySchema.Kind {
    /// The word of JSON Schema.
    var typeName: String {
        switch self {
        case .string: "string"
        case .boolean: "boolean"
        case .integer: "integer"
        case .number: "number"
        case .object: "object"
        case .array: "array"
        }
    }
}
