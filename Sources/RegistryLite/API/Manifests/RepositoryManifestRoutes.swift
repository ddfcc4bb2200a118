import Domain
import HTTPTypes
import OCI
import RegistryCore

/// The manifests of a repository, and their labels.
enum RepositoryManifestRoutes {
    private static let path = "/api/v1/repository/{repository}/manifest/{manifestref}"

    private static let labelSchema = BodySchema(
        "AddLabel",
        .required("key", .string(), "Lower-case letters and digits, joined by single dots or dashes"),
        .required("value"),
        .required(
            "media_type", .string(oneOf: ManifestLabel.MediaType.allCases.map(\.rawValue)),
            nullable: true,
            "What the value is; null for plain text"))

    static let routes: [APIRoute] = [
        .repository(
            .get, path, "getRepoManifest", tag: "manifest", "A manifest and its layers", role: .read,
            handler: show),
        .repository(
            .get, path + "/labels", "listManifestLabels", tag: "manifest", "The labels of a manifest",
            role: .read,
            handler: listLabels
        ).with {
            $0.query = [QueryParameter("filter", .string, "Only labels whose key begins with this")]
        },
        .repository(
            .post, path + "/labels", "addManifestLabel", tag: "manifest", "Adds a label", role: .write,
            handler: addLabel
        ).with {
            $0.body = labelSchema
            $0.needsNormalState = true
            $0.successStatus = 201
        },
        .repository(
            .get, path + "/labels/{labelid}", "getManifestLabel", tag: "manifest", "One label",
            role: .read,
            handler: showLabel),
        .repository(
            .delete, path + "/labels/{labelid}", "deleteManifestLabel", tag: "manifest",
            "Deletes a label",
            role: .write, handler: deleteLabel
        ).with {
            $0.needsNormalState = true
            $0.successStatus = 204
        },
    ]

    private static func show(_ request: APIRequest, _ access: RepositoryAccess) async throws
        -> JSONReply
    {
        JSONReply(
            ManifestResponses.manifest(
                try await request.services.manifests.details(of: digest(request), in: access)))
    }

    private static func listLabels(_ request: APIRequest, _ access: RepositoryAccess) async throws
        -> JSONReply
    {
        let labels = try await request.services.labels.labels(
            of: digest(request), keysBeginningWith: request.query["filter"] ?? "", in: access)
        return JSONReply(["labels": .array(labels.map(ManifestResponses.label))])
    }

    private static func addLabel(_ request: APIRequest, _ access: RepositoryAccess) async throws
        -> JSONReply
    {
        let digest = try digest(request)
        let key: LabelKey
        do {
            key = try LabelKey(
                request.body["key"]?.string ?? "",
                reserved: request.services.site.tags.reservedLabelPrefixes)
        } catch { throw RegistryError(.invalidRequest, error.message) }
        let label = try await request.services.labels.add(
            LabelService.NewLabel(
                key: key, value: request.body["value"]?.string ?? "",
                mediaType: request.body["media_type"]?.string.flatMap(ManifestLabel.MediaType.init) ?? .text
            ),
            to: digest, in: access, ip: request.clientAddress)
        let location = request.site.urls.api(
            "repository/\(access.repository.name)/manifest/\(digest)/labels/\(label.uuid)")
        return JSONReply(["label": ManifestResponses.label(label)], headers: [.location: location])
    }

    private static func showLabel(_ request: APIRequest, _ access: RepositoryAccess) async throws
        -> JSONReply
    {
        JSONReply(
            ManifestResponses.label(
                try await request.services.labels.label(
                    request.parameter("labelid"), of: digest(request), in: access)))
    }

    private static func deleteLabel(_ request: APIRequest, _ access: RepositoryAccess) async throws
        -> JSONReply
    {
        try await request.services.labels.remove(
            request.parameter("labelid"), from: digest(request), in: access, ip: request.clientAddress)
        return .empty
    }

    /// The digest in the path. Errors: `.notFound` for what is none: no manifest has such a name.
    private static func digest(_ request: APIRequest) throws -> Digest {
        do { return try Digest(try request.parameter("manifestref")) } catch is Digest.Malformed {
            throw RegistryError(.notFound, "Not Found")
        }
    }
}
