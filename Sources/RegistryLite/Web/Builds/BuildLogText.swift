import Domain
import HTTPTypes
import Hummingbird
import NIOCore
import RegistryCore

/// A build's whole log as plain text, as the builder wrote it, sent in pieces so that its size doesn't matter.
struct BuildLogText: Sendable {
    private static let batch = 1_000

    let pages: WebPages

    func respond(_ name: RepositoryName, _ uuid: String, _ visit: Visit) async throws -> Response {
        let access = try await pages.services.access.repository(
            name, pages.services.buildLogs.neededRole, for: visit.caller)
        let build = try await pages.services.builds.find(uuid, in: access).build
        var headers = PageReply.securityHeaders
        headers[.contentType] = "text/plain; charset=utf-8"
        headers[.cacheControl] = "no-store"
        headers[.contentDisposition] = "inline; filename=\"build-\(build.uuid.prefix(8)).log\""
        let logs = pages.services.buildLogs
        return Response(
            status: .ok, headers: headers,
            body: ResponseBody { writer in
                var position = 0
                while true {
                    let page = try await logs.page(of: uuid, from: position, limit: Self.batch, in: access)
                    guard !page.entries.isEmpty else { break }
                    try await writer.write(ByteBuffer(string: page.entries.map(Self.text).joined()))
                    position = page.end
                }
                try await writer.finish(nil)
            })
    }

    static func text(_ entry: BuildLogEntry) -> String {
        let text =
            switch entry.kind {
            case .phase: "==> \(PhaseLabel(entry.message).sentence)"
            case .error: "ERROR: \(entry.message)"
            case .command, nil: entry.message
            }
        return text.hasSuffix("\n") ? text : text + "\n"
    }
}
