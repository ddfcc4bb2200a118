import Domain
import Foundation
import HTTPTypes
import Hummingbird
import NIOCore
import RegistryCore
import ServiceLifecycle

/// Logs that are no JSON answer of the API: files to keep (``BuildLogDownload``); and
/// `/api/v1/repository/{repository}/build/{uuid}/logs` for clients that accept `text/event-stream`, the log as it grows.
///
/// An event's id is the position after it: a client that comes back with it (`Last-Event-ID`, or `start`) misses nothing
/// and sees nothing twice.
struct BuildLogRoutes: Sendable {
    /// A comment is sent after so long a silence, so that nobody on the way takes the connection for dead.
    private static let keepAlive: Duration = .seconds(15)

    let services: Registry
    let site: Site

    func respond(to request: Request, context: AppContext) async -> Response {
        do { return try await answer(request, context) } catch {
            return APIError.response(error, urls: site.urls, logger: context.logger)
        }
    }

    private func answer(_ request: Request, _ context: AppContext) async throws -> Response {
        guard site.isOn(.buildSupport) else { throw RegistryError(.notFound, "Not Found") }
        guard request.method == .get else { return Response(status: .methodNotAllowed, headers: [.allow: "GET"]) }
        guard let build = Self.followed(request) else {
            let parts = request.uri.path.split(separator: "/").map(String.init)
            guard parts.count == 2 else { throw RegistryError(.notFound, "Not Found") }
            return try await BuildLogDownload(services: services, site: site).answer(parts, request, context)
        }
        let caller = try await CallerOfRequest(services: services, site: site).caller(of: request)
        let proof = try await services.access.repository(build.name, services.buildLogs.neededRole, for: caller)
        return try await events(build.uuid, proof, from: start(of: request), context)
    }

    /// The build whose log a request wants to follow; nil for every other request.
    static func followed(_ request: Request) -> (name: RepositoryName, uuid: String)? {
        guard request.method == .get, request.headers[.accept]?.contains("text/event-stream") == true else {
            return nil
        }
        let parts = request.uri.path.split(separator: "/").map(String.init)
        guard parts.count >= 8, parts.prefix(3) == ["api", "v1", "repository"], parts.last == "logs",
            parts[parts.count - 3] == "build",
            let name = try? RepositoryName(parts[3..<parts.count - 3].joined(separator: "/"))
        else { return nil }
        return (name, parts[parts.count - 2])
    }

    private func start(of request: Request) throws -> Int {
        if let text = HTTPField.Name("Last-Event-ID").flatMap({ request.headers[$0] }), let last = Int(text) {
            return max(0, last)
        }
        return max(0, try QueryValues(request.uri.query).integer("start") ?? 0)
    }

    private func events(
        _ uuid: String, _ proof: RepositoryAccess, from start: Int, _ context: AppContext
    ) async throws -> Response {
        // Asked before the answer begins: a build that isn't there is an error, not an empty stream.
        _ = try await services.builds.find(uuid, in: proof)
        let services = self.services
        return Response(
            status: .ok,
            headers: [
                .contentType: "text/event-stream", .cacheControl: "no-store", .xContentTypeOptions: "nosniff",
            ],
            body: ResponseBody { writer in
                var (position, phase) = (start, String?.none)
                let wakeUps = services.platform.database.wakeUps(
                    .buildLogs, orEvery: Self.keepAlive, clock: services.platform.clock)
                // A server that stops must not wait for builds: the reader comes back and goes on from its offset.
                stream: for await _ in wakeUps.cancelOnGracefulShutdown() {
                    var hasWritten = false
                    // Who lost the right to read meanwhile reads no further.
                    let proof = try await services.access.repository(
                        proof.repository.name, services.buildLogs.neededRole, for: proof.caller)
                    while let part = try await services.buildLogs.next(
                        uuid, from: position, known: phase, in: proof, builds: services.builds)
                    {
                        try await writer.write(Self.event(part))
                        hasWritten = true
                        (position, phase) = (part.page.end, part.phase)
                        if part.isLast { break stream }
                    }
                    if !hasWritten { try await writer.write(ByteBuffer(string: ": still here\n\n")) }
                }
                try await writer.finish(nil)
            })
    }

    /// One event with everything that is new: `log` while the build goes on, `end` when nothing comes any more.
    private static func event(_ part: BuildLogReader.Part) -> ByteBuffer {
        var text: [UInt8] = Array("id: \(part.page.end)\nevent: \(part.isLast ? "end" : "log")\ndata: ".utf8)
        text += #"{"phase":"\#(part.phase)","start":\#(part.page.start),"total":\#(part.page.total),"logs":["#.utf8
        for (place, entry) in part.page.entries.enumerated() {
            if place > 0 { text.append(UInt8(ascii: ",")) }
            BuildLogEntryJSON.write(entry, to: &text)
        }
        text += "]}\n\n".utf8
        return ByteBuffer(bytes: text)
    }
}
