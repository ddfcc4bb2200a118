package import Domain
package import Foundation
import JWTKit
import Runtime

/// Makes and checks the tokens of builders: one to register with, one for everything after.
///
/// RS256 under keys of Buildman's own, so that no registry token is ever a job token or the other way round. A token
/// names one attempt: when that has ended, the token opens nothing. Source: Quay 6.6.
package struct JobTokens: Sendable {
    package enum Kind: String, Sendable, Hashable, Codable {
        case registration = "build_job_registration"
        case job = "build_job_token"
    }

    /// The token was refused; which check failed stands in the log only.
    package struct Refused: Error, Sendable, CustomStringConvertible {
        package let reason: String
        package var description: String { "The job token was refused: \(reason)." }
    }

    /// Nobody needs a longer token than this, in bytes.
    package static let maximumLength = 8192

    private let platform: Platform
    private let keys: ServiceKeys
    private let audience: String

    /// - Parameters:
    ///   - keys: the keys of the service `buildman`.
    ///   - audience: the name of this build manager; tokens for another one are refused.
    package init(_ platform: Platform, keys: ServiceKeys, audience: String) {
        self.platform = platform
        self.keys = keys
        self.audience = audience
    }

    /// A token for one attempt, good until `expiry`. Two calls never give the same one.
    package func issue(_ kind: Kind, for key: JobKey, until expiry: Date) async throws -> String {
        let now = platform.clock.now
        let lifetime = max(1, Int64(expiry.timeIntervalSince(now)))
        let issued = Int64(now.timeIntervalSince1970)
        return try await keys.sign(
            Claims(
                iss: keys.service, aud: audience, sub: "(anonymous)", nbf: issued, iat: issued, exp: issued + lifetime,
                jti: platform.identifiers.uuid(), access: [:],
                context: Claims.Context(
                    token_type: kind, build_id: key.buildUUID, job_id: key.text, expiration: lifetime)),
            until: Date(timeIntervalSince1970: TimeInterval(issued + lifetime)))
    }

    /// The attempt that a token of that kind names. Throws ``Refused``.
    package func read(_ token: String, as kind: Kind) async throws -> JobKey {
        guard !token.isEmpty, token.utf8.count <= Self.maximumLength else { throw Refused(reason: "its length") }
        try await checkHeader(of: token)
        let claims: Claims
        do { claims = try await keys.verify(token, as: Claims.self) } catch {
            throw Refused(reason: "signature or claims (\(error))")
        }
        guard claims.iss == keys.service, claims.aud == audience else { throw Refused(reason: "issuer or audience") }
        guard claims.context.token_type == kind else { throw Refused(reason: "it is of another kind") }
        let now = Int64(platform.clock.now.timeIntervalSince1970)
        guard claims.exp > now else { throw Refused(reason: "it has expired") }
        guard claims.nbf <= now + Self.clockSkewSeconds else { throw Refused(reason: "it is not valid yet") }
        do {
            let key = try JobKey(claims.context.job_id)
            guard key.buildUUID == claims.context.build_id else { throw Refused(reason: "its build and job differ") }
            return key
        } catch is JobKey.Malformed {
            throw Refused(reason: "its job is none of ours")
        }
    }

    private static let clockSkewSeconds: Int64 = 30

    /// Only our algorithm and a key of ours: what else a header names is never looked at, and what it calls critical is
    /// something that we don't understand.
    private func checkHeader(of token: String) async throws {
        guard let part = token.split(separator: ".", omittingEmptySubsequences: false).first,
            let header = try? JSONDecoder().decode(Header.self, from: Data(Self.base64(part))),
            header.alg == "RS256", header.crit == nil, try await keys.isKnown(header.kid)
        else { throw Refused(reason: "its header") }
    }

    private static func base64(_ text: Substring) -> Data {
        let standard = text.replacing("-", with: "+").replacing("_", with: "/")
        return Data(base64Encoded: standard + String(repeating: "=", count: (4 - standard.utf8.count % 4) % 4))
            ?? Data()
    }

    private struct Header: Decodable {
        let alg: String
        let kid: String
        let crit: [String]?
    }

    private struct Claims: JWTPayload {
        struct Context: Codable {
            let token_type: Kind
            let build_id: String
            /// The text of a ``JobKey``, which names the attempt.
            let job_id: String
            /// In seconds from `iat` on.
            let expiration: Int64
        }

        let iss: String
        let aud: String
        let sub: String
        let nbf: Int64
        let iat: Int64
        let exp: Int64
        let jti: String
        let access: [String: String]
        let context: Context

        /// Times, audience and kind are checked by ``JobTokens``, which knows what was asked for.
        func verify(using algorithm: some JWTAlgorithm) async throws {}
    }
}
