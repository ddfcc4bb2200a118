import Domain
import Foundation
import HTTPTypes
import Hummingbird
import Metrics
import NIOCore
import RegistryCore
import ServerTLS

/// The text of all metrics, as it is now.
struct MetricsText: Sendable {
    /// Where the parts of the program count.
    let factory: any MetricsFactory
    let contentType: String
    var traffic = Traffic()
    var certificate: ServerCertificate?
    let text: @Sendable () -> String

    /// What each metric means, for the text format.
    static let help = [
        "quay_certificate_expiry_timestamp_seconds": "When the certificate that is served with expires"
    ]

    /// Answers with everything, after counting what is only known to the database.
    func respond(to request: Request, gauges: QueueGauges, uploads: UploadGauge) async -> Response {
        guard request.method == .get || request.method == .head else {
            return Response(status: .methodNotAllowed, headers: [.allow: "GET, HEAD"])
        }
        await gauges.measure()
        await uploads.measure()
        traffic.publish(to: factory)
        if let certificate {
            Gauge(label: "quay_certificate_expiry_timestamp_seconds", factory: factory)
                .record(certificate.expires.timeIntervalSince1970)
        }
        let response = Response(
            status: .ok, headers: [.contentType: contentType, .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: text())))
        return request.method == .head ? response.createHeadResponse() : response
    }
}

/// `/metrics` on the public port: for this machine and for superusers.
///
/// A request that a proxy passed on comes from the proxy's machine whoever sent it: such a request needs a superuser.
struct MetricsRoutes: Sendable {
    let services: Registry
    let site: Site
    let metrics: MetricsText

    func respond(to request: Request, context: AppContext) async -> Response {
        context.notes.name("/metrics")
        guard request.uri.path == "/metrics" else {
            return APIError.plain("Not Found", status: .notFound, logger: context.logger)
        }
        if !Self.isLocal(peer: context.peerAddress, headers: request.headers) {
            do {
                let visitor = CallerOfRequest(services: services, site: site)
                _ = try await services.access.superuser(for: try await visitor.caller(of: request))
            } catch { return APIError.response(error, urls: site.urls, logger: context.logger) }
        }
        let gauges = QueueGauges(platform: services.platform, factory: metrics.factory)
        let uploads = UploadGauge(platform: services.platform, factory: metrics.factory)
        return await metrics.respond(to: request, gauges: gauges, uploads: uploads)
    }

    /// Whether the request was sent on this machine, as far as can be told.
    static func isLocal(peer: String?, headers: HTTPFields) -> Bool {
        guard let peer, peer == "::1" || peer.hasPrefix("127.") || peer.hasPrefix("::ffff:127.") else { return false }
        let marks = ["Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Via"]
        return marks.compactMap { HTTPField.Name($0) }.allSatisfy { headers[$0] == nil }
    }
}
