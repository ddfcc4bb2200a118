import Foundation
import HTTPTypes
import Hummingbird
import RegistryCore
import Secrets

/// Reads and writes the session cookie. The cookie holds the session's secret, the database only its hash.
struct SessionCookies: Sendable {
    let site: Site
    let sessions: SessionService

    /// The live session that a request's cookie names.
    func session(of request: Request) async throws -> SessionService.Found? {
        guard let value = Self.value(of: site.sessionCookie.name, in: request.headers) else { return nil }
        return try await sessions.find(SecretToken(value))
    }

    /// The Set-Cookie header of a session that has just begun.
    func header(_ started: SessionService.Started) -> String {
        header(value: started.cookie.text, lifetimeSeconds: Int(SessionService.lifetime))
    }

    /// The Set-Cookie header that makes a browser forget its session.
    var forgetting: String { header(value: "", lifetimeSeconds: 0) }

    private func header(value: String, lifetimeSeconds: Int) -> String {
        let rule = site.sessionCookie
        return "\(rule.name)=\(value); Max-Age=\(lifetimeSeconds); Path=/; \(rule.isHTTPOnly ? "HttpOnly; " : "")"
            + "SameSite=\(rule.sameSite)\(rule.isSecure ? "; Secure" : "")"
    }

    private static func value(of name: String, in headers: HTTPFields) -> String? {
        for header in headers[values: .cookie] {
            for pair in header.split(separator: ";") {
                let halves = pair.split(separator: "=", maxSplits: 1)
                if halves.count == 2, halves[0].drop(while: { $0 == " " }) == name {
                    return halves[1].trimmingCharacters(in: .whitespaces)
                }
            }
        }
        return nil
    }
}
