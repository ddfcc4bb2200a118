package import Domain
import Foundation
import Runtime
import SQL
import Secrets

/// How the newest build of a repository went, for the picture that people put into their README. Source: Quay 1.17.
package enum BadgeState: String, Sendable, Hashable, CaseIterable {
    case none, building, ready, failed, cancelled

    /// A build whose launches are used up has failed; Quay goes on calling it building.
    init(_ shown: BuildView.ShownPhase?) {
        switch shown {
        case nil: self = .none
        case .stored(.complete): self = .ready
        case .stored(.error), .expired: self = .failed
        case .stored(.cancelled): self = .cancelled
        case .stored, .cannotLoad: self = .building
        }
    }
}

extension BuildService {
    /// The state of a public repository's badge, or of a private one's for whoever has its token; nil where there is
    /// nothing to see, whatever the reason. Being signed in does not help: pictures are fetched without credentials.
    package func badge(of name: RepositoryName, token: String?) async throws -> BadgeState? {
        let now = clock.now
        return try await database.read { transaction in
            guard let repository = try RepositoryStore.find(name, in: transaction) else { return nil }
            if try access.role(of: .anonymous, in: repository, transaction) == nil {
                let expected = try RepositoryStore.badgeToken(repository.id, in: transaction)
                guard let token, !expected.isEmpty, constantTimeEquals(token.utf8, expected.utf8) else { return nil }
            }
            let newest = try BuildStore.list(inRepository: repository.id, since: nil, limit: 1, in: transaction).first
            return BadgeState(try newest.map { try Self.view($0, repository, now, transaction).shownPhase })
        }
    }
}
