package import Domain
import Foundation
import Runtime
package import SQL
package import Secrets

/// Makes delegate tokens: the password of `$token`, good for one repository.
package struct DelegateTokenService: Sendable {
    /// The first half of a token names it, the second is its secret; 32 characters each. Source: Quay.
    package static let nameLength = 32

    private let platform: Platform

    package init(platform: Platform) { self.platform = platform }

    /// A token before it is written: random and encrypted, made outside the transaction because a body may run twice.
    package struct Draft: Sendable {
        /// What the client sends as its password: 64 characters.
        package let token: SecretToken
        fileprivate let name: String
        fileprivate let secretCipher: String
        fileprivate let created: Date
    }

    package func draft() throws -> Draft {
        let token = SecretToken.random(
            length: 2 * Self.nameLength, from: SecretToken.capitals, using: platform.randomness)
        let name = String(token.text.prefix(Self.nameLength))
        return Draft(
            token: token, name: name,
            secretCipher: try platform.cipher.encrypt(
                String(token.text.dropFirst(Self.nameLength)), for: Self.field(name)),
            created: platform.clock.now)
    }

    /// Writes a draft for a build's attempt and answers its number: it may write only `tags`, and dies with the attempt.
    @discardableResult
    package static func issue(
        _ draft: Draft, forAttempt attemptID: Int64, repositoryID: Int64, tags: [String],
        in transaction: any Transaction
    ) throws -> Int64 {
        try DelegateTokenStore.insert(
            DelegateTokenStore.NewToken(
                name: draft.name, secretCipher: draft.secretCipher, friendlyName: "Build Worker", kind: .buildWorker,
                repositoryID: repositoryID, role: .write, attemptID: attemptID, tags: tags, created: draft.created),
            in: transaction)
    }

    /// Writes a draft that lives until it is revoked, and answers its number.
    @discardableResult
    package static func issue(
        _ draft: Draft, named friendlyName: String, repositoryID: Int64, role: RepositoryRole,
        in transaction: any Transaction
    ) throws -> Int64 {
        try DelegateTokenStore.insert(
            DelegateTokenStore.NewToken(
                name: draft.name, secretCipher: draft.secretCipher, friendlyName: friendlyName, kind: .pushPull,
                repositoryID: repositoryID, role: role, attemptID: nil, tags: nil, created: draft.created),
            in: transaction)
    }

    static func field(_ name: String) -> FieldCipher.Field {
        FieldCipher.Field(table: "delegate_token", column: "secret_cipher", row: name)
    }
}
