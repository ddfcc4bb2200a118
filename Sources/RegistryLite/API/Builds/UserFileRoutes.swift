import Domain
import HTTPTypes
import Hummingbird
import NIOCore
import ObjectStorage
import RegistryCore

/// `/userfiles/{uuid}`: takes the one upload that filedrop announced, and hands it to the build that was requested with it.
///
/// The signature in the address is the only credential, and it is good for one of the two.
struct UserFileRoutes: Sendable {
    let services: Registry
    let site: Site

    func respond(to request: Request, context: AppContext) async -> Response {
        do { return try await answer(request, context) } catch {
            return APIError.response(error, urls: site.urls, logger: context.logger)
        }
    }

    private func answer(_ request: Request, _ context: AppContext) async throws -> Response {
        let parts = request.uri.path.split(separator: "/").map(String.init)
        guard site.isOn(.buildSupport), parts.count == 2, parts[1].utf8.count <= 64 else {
            throw RegistryError(.notFound, "Not Found")
        }
        let signature = QueryValues(request.uri.query)["signature"] ?? ""
        switch request.method {
        case .put:
            try await services.userFiles.store(request.body, as: parts[1], signature: signature)
            return Response(status: .ok)
        case .get, .head:
            let file = try await services.userFiles.read(parts[1], signature: signature)
            // It is what somebody uploaded: no browser may take it for a page of ours.
            let headers: HTTPFields = [
                .contentType: file.mimeType, .contentDisposition: "attachment", .xContentTypeOptions: "nosniff",
                .cacheControl: "private, no-store", .contentLength: String(file.content.sizeBytes),
            ]
            guard request.method == .get else { return Response(status: .ok, headers: headers) }
            return Response(
                status: .ok, headers: headers,
                body: ObjectBody.body(
                    of: file.content, range: 0..<file.content.sizeBytes, channel: context.channel))
        default:
            return Response(status: .methodNotAllowed, headers: [.allow: "GET, HEAD, PUT"])
        }
    }
}
