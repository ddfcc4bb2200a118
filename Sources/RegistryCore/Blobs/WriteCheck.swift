import Domain
import Foundation
import SQL

/// What may have changed since access was decided, asked again inside the transaction that writes.
enum WriteCheck {
    /// Answers the repository as it is now.
    ///
    /// Errors: `.nameUnknown` when it was deleted, `.readOnly` when it takes no pushes, `.denied` when the token of a build
    /// is used after its attempt ended: a builder that was only asleep must not overwrite the winner's tag.
    @discardableResult
    static func push(into access: RepositoryAccess, in transaction: any Transaction) throws -> Repository {
        try access.require(.write)
        let name = access.repository.name
        guard let repository = try RepositoryStore.find(id: access.repository.id, in: transaction),
            repository.state != .markedForDeletion
        else {
            throw RegistryError(.nameUnknown, "The repository \(name) does not exist.", details: ["name": name.text])
        }
        guard repository.state == .normal else {
            throw RegistryError(.readOnly, "The repository \(name) takes no pushes now.")
        }
        if case .repositoryToken(let grant) = access.caller.identity {
            guard try DelegateTokenStore.live(id: grant.tokenID, in: transaction) != nil else {
                throw RegistryError(.denied, "The token's build has ended, or the token was revoked.")
            }
        }
        return repository
    }
}
