import Domain
import HTTPTypes
import RegistryCore

/// The API's description of itself (Swagger 2.0), made from the routes. Source: Quay, discovery.
struct Discovery: Sendable {
    let urls: URLs
    let title: String
    let routes: [APIRoute]

    /// - Parameter showsInternal: whether to show the routes that only the registry's own pages use.
    func document(showsInternal: Bool) -> JSONValue {
        let shown = routes.filter { showsInternal || !$0.isInternal }
        let paths = Dictionary(grouping: shown, by: \.path).mapValues(path)
        let schemas = shown.compactMap(\.body)
        return [
            "swagger": "2.0", "host": .string(urls.hostname), "basePath": "/", "schemes": [.string(urls.scheme)],
            "info": [
                "version": "v1", "title": .string("\(title) API"),
                "description": "Accounts, repositories, builds and everything around them.", "termsOfService": "",
                "contact": ["email": ""],
            ],
            "securityDefinitions": [
                "oauth2_implicit": [
                    "type": "oauth2", "flow": "implicit", "authorizationUrl": .string(urls.site("/oauth/authorize")),
                    "scopes": .object(Dictionary(Scope.allCases.map { ($0.rawValue, .string($0.summary)) }) { $1 }),
                ]
            ],
            "paths": .object(paths),
            "definitions": .object(
                Dictionary(schemas.map { ($0.name, $0.definition) }) { first, _ in first }
                    .merging(["ApiError": Self.errorDefinition]) { _, new in new }),
            "tags": .array(
                Set(shown.map(\.tag)).sorted().map {
                    ["name": .string($0), "description": .string("Operations on: \($0)")]
                }),
        ]
    }

    private func path(_ routes: [APIRoute]) -> JSONValue {
        var members: [String: JSONValue] = [:]
        for route in routes {
            members[route.method.rawValue.lowercased()] = operation(route)
            members["x-name"] = .string("api.\(route.tag).\(route.operationID)")
            members["x-path"] = .string(route.path)
            members["x-tag"] = .string(route.tag)
        }
        return .object(members)
    }

    private func operation(_ route: APIRoute) -> JSONValue {
        var operation: [String: JSONValue] = [
            "operationId": .string(route.operationID), "summary": .string(route.summary),
            "description": .string(route.summary), "tags": [.string(route.tag)], "consumes": ["application/json"],
            "produces": ["application/json"], "parameters": .array(parameters(route)), "responses": responses(route),
        ]
        if let scope = route.access.scope { operation["security"] = [["oauth2_implicit": [.string(scope.rawValue)]]] }
        if route.needsFreshLogin { operation["x-requires-fresh-login"] = true }
        return .object(operation)
    }

    private func parameters(_ route: APIRoute) -> [JSONValue] {
        let path = route.path.split(separator: "/").filter { $0.hasPrefix("{") }.map { $0.dropFirst().dropLast() }
        var parameters: [JSONValue] = path.map { name in
            [
                "in": "path", "name": .string(String(name)), "type": "string", "required": true,
                "description": .string(name == "repository" ? "namespace/name" : String(name)),
            ]
        }
        parameters += route.query.map { parameter in
            [
                "in": "query", "name": .string(parameter.name), "type": .string(parameter.kind.rawValue),
                "required": false, "description": .string(parameter.description),
            ]
        }
        if let body = route.body {
            parameters.append([
                "in": "body", "name": "body", "required": .bool(!body.isBodyOptional),
                "description": "Request body contents.", "schema": ["$ref": .string("#/definitions/\(body.name)")],
            ])
        }
        return parameters
    }

    private func responses(_ route: APIRoute) -> JSONValue {
        let error: JSONValue = ["$ref": "#/definitions/ApiError"]
        let sentences = [
            "400": "Bad Request", "401": "Session required", "403": "Unauthorized access", "404": "Not found",
        ]
        let success: [String: JSONValue] = [
            String(route.successStatus): [
                "description": .string(route.successStatus == 204 ? "Deleted" : "Successful invocation")
            ]
        ]
        return .object(
            success.merging(sentences.mapValues { ["description": .string($0), "schema": error] }) { own, _ in own })
    }

    private static let errorDefinition: JSONValue = [
        "type": "object",
        "properties": [
            "status": ["type": "integer", "description": "Status code of the response."],
            "type": ["type": "string", "description": "Reference to the type of the error."],
            "detail": ["type": "string", "description": "Details about the specific instance of the error."],
            "title": ["type": "string", "description": "Unique error code to identify the type of error."],
            "error_message": ["type": "string", "description": "The same as detail."],
            "error_type": ["type": "string", "description": "The same as title."],
        ], "required": ["status", "type", "title"],
    ]
}

extension BodySchema {
    /// The schema in the words of JSON Schema.
    fileprivate var definition: JSONValue { Kind.object(fields).definition }
}

extension BodySchema.Kind {
    fileprivate var definition: JSONValue {
        var members: [String: JSONValue] = ["type": .string(typeName)]
        switch self {
        case .string(let allowed): if !allowed.isEmpty { members["enum"] = .array(allowed.map(JSONValue.string)) }
        case .integer(let minimum): if let minimum { members["minimum"] = .integer(minimum) }
        case .array(let element, let minimum, let isUnique):
            members["items"] = element.definition
            if minimum > 0 { members["minItems"] = .integer(Int64(minimum)) }
            if isUnique { members["uniqueItems"] = true }
        case .object(let fields):
            members["properties"] = .object(
                Dictionary(
                    fields.map { field in
                        let about: [String: JSONValue] =
                            field.description.isEmpty ? [:] : ["description": .string(field.description)]
                        let nullable: [String: JSONValue] = field.isNullable ? ["x-nullable": true] : [:]
                        return (field.name, field.kind.definition.merging(about).merging(nullable))
                    }
                ) { first, _ in first })
            let required = fields.filter(\.isRequired).map { JSONValue.string($0.name) }
            if !required.isEmpty { members["required"] = .array(required) }
        case .boolean, .number: break
        }
        return .object(members)
    }
}

extension Scope {
    /// What a person grants with the scope.
    var summary: String {
        switch self {
        case .repositoryRead: "View all visible repositories and pull from them"
        case .repositoryWrite: "Read and write to the repositories that you can access"
        case .repositoryAdmin: "Administer the repositories that you can access"
        case .repositoryCreate: "Create repositories"
        case .userRead: "Read your user information"
        case .userAdmin: "Administer your account, including its robots"
        case .organizationAdmin: "Administer your organizations"
        case .superuser: "Administer the registry"
        }
    }
}
