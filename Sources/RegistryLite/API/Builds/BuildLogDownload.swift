import Domain
import HTTPTypes
import Hummingbird
import NIOCore
import ObjectStorage
import RegistryCore

/// The whole log of a build as a file to keep: `/buildlogs/{uuid}`, running or archived, and `/logarchive/{uuid}`, the
/// archive as it is stored. Both hold one page or one part of the log in memory. Source: Quay 1.12.
struct BuildLogDownload: Sendable {
    let services: Registry
    let site: Site

    /// - Parameter path: the segments of the request's path, two of them.
    func answer(_ path: [String], _ request: Request, _ context: AppContext) async throws -> Response {
        let caller = try await caller(of: request, context)
        context.notes.name(caller)
        // A build has no use for its own log, and its token opens nothing that it doesn't need.
        if case .repositoryToken = caller.identity { throw RegistryError(.forbidden, "Unauthorized") }
        return path[0] == "logarchive"
            ? try await archive(path[1], caller, request, context) : try await download(path[1], caller)
    }

    /// These addresses are also asked by programs that have only a user name and a password.
    private func caller(of request: Request, _ context: AppContext) async throws -> Caller {
        if let header = request.headers[.authorization], BearerCredentials.token(inHeader: header) == nil {
            return try await services.basic.caller(
                header,
                from: SignInOrigin(.registry, ip: context.clientAddress, userAgent: request.headers[.userAgent]))
        }
        return try await CallerOfRequest(services: services, site: site).caller(of: request)
    }

    private func download(_ uuid: String, _ caller: Caller) async throws -> Response {
        let logs = services.buildLogs
        // Asked before the answer begins: who may not read gets an error, not half a file.
        let first = try await logs.page(of: uuid, from: 0, limit: BuildLogReader.pageLimit, for: caller)
        var headers = Self.headers
        headers[.contentDisposition] =
            #"attachment; filename="\#(uuid.filter { $0.isHexDigit || $0 == "-" }.prefix(64)).json""#
        return Response(
            status: .ok, headers: headers,
            body: ResponseBody { writer in
                var page = first
                try await writer.write(ByteBuffer(string: #"{"logs":["#))
                while !page.entries.isEmpty {
                    var text: [UInt8] = []
                    for (offset, entry) in page.entries.enumerated() {
                        if page.start + offset > 0 { text += ",\n".utf8 }
                        BuildLogEntryJSON.write(entry, to: &text)
                    }
                    try await writer.write(ByteBuffer(bytes: text))
                    // The log may be archived meanwhile: positions stay what they are.
                    page = try await logs.page(
                        of: uuid, from: page.end, limit: BuildLogReader.pageLimit, for: caller)
                }
                try await writer.write(ByteBuffer(string: "]}"))
                try await writer.finish(nil)
            })
    }

    private func archive(
        _ uuid: String, _ caller: Caller, _ request: Request, _ context: AppContext
    ) async throws -> Response {
        let archived = try await services.buildLogs.archived(uuid, for: caller)
        var headers = Self.headers
        headers[.vary] = "Accept-Encoding"
        guard Self.acceptsGzip(request.headers[.acceptEncoding] ?? "") else {
            return Response(
                status: .ok, headers: headers,
                body: ResponseBody { writer in
                    for try await part in archived.text { try await writer.write(part) }
                    try await writer.finish(nil)
                })
        }
        headers[.contentEncoding] = "gzip"
        return Response(
            status: .ok, headers: headers,
            body: ObjectBody.body(
                of: archived.packed, range: 0..<archived.packed.sizeBytes, channel: context.channel))
    }

    private static let headers: HTTPFields = [
        .contentType: "application/json", .xContentTypeOptions: "nosniff", .cacheControl: "private, no-store",
    ]

    /// Whether a client takes gzip. Source: RFC 9110, 12.5.3.
    static func acceptsGzip(_ header: String) -> Bool {
        var accepted: [String: Bool] = [:]
        for part in header.lowercased().split(separator: ",") {
            let words = part.split(separator: ";").map { $0.filter { $0 != " " && $0 != "\t" } }
            guard let name = words.first else { continue }
            let weight = words.dropFirst().first { $0.hasPrefix("q=") }.flatMap { Double($0.dropFirst(2)) } ?? 1
            accepted[name] = weight > 0
        }
        return accepted["gzip"] ?? accepted["x-gzip"] ?? accepted["*"] ?? false
    }
}
