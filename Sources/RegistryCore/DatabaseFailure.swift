package import Domain
package import SQL

extension RegistryError {
    /// What a database that said no means for whoever asked the registry.
    package init(_ failure: DatabaseError) {
        switch failure.kind {
        case .diskFull:
            self.init(.storageFull, "No space is left for the registry's database: try again later.", cause: failure)
        case .unreachable, .closed:
            self.init(.unavailable, "The registry can't use its database now: try again later.", cause: failure)
        case .conflict:
            self.init(.unavailable, "Too many changes met each other: try again.", cause: failure)
        default: self.init(.internalError, "Unexpected error", cause: failure)
        }
    }
}
