import Domain
import RegistryCore

/// The job that one stream speaks for: its token is checked when it first comes and whenever it changes.
///
/// A stream's every message carries the same token, and that the attempt is still live is asked for each of them anyway.
struct JobTokenMemory: Sendable {
    private let tokens: JobTokens
    private var known: (token: String, key: JobKey)?

    init(_ tokens: JobTokens) { self.tokens = tokens }

    mutating func key(of token: String) async throws -> JobKey {
        if let known, known.token == token { return known.key }
        let key = try await tokens.read(token, as: .job)
        known = (token, key)
        return key
    }
}
