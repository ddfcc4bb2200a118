package import Domain
import Runtime
import SQL

/// How long a namespace keeps what it has removed: what may be chosen, and the choice.
package struct TimeMachineService: Sendable {
    private let platform: Platform
    private let settings: TagSettings

    package init(platform: Platform, settings: TagSettings) {
        self.platform = platform
        self.settings = settings
    }

    /// Whether namespaces may choose at all: FEATURE_CHANGE_TAG_EXPIRATION.
    package var isChangeable: Bool { settings.mayChangeTimeMachine }

    /// Sets the time machine of a namespace. A shorter one counts at once, also for what was removed before; where
    /// namespaces may not choose, nothing happens. Errors: `.invalidRequest` for what is no option.
    package func change(to timeMachine: TimeMachine, in access: NamespaceAccess, ip: String? = nil)
        async throws
    {
        guard access.right.includes(.administer) else {
            throw RegistryError(.forbidden, "Unauthorized")
        }
        guard settings.mayChangeTimeMachine else { return }
        guard settings.timeMachineOptions.contains(timeMachine) else {
            throw RegistryError(.invalidRequest, "Invalid tag expiration option")
        }
        let (id, isOrganization) = (access.namespace.id, access.namespace.isOrganization)
        let entry = AuditEntry(
            isOrganization ? .changeOrganizationTimeMachine : .changeUserTimeMachine, namespaceID: id,
            performerID: access.caller.accountID, at: platform.clock.now, ip: ip,
            metadata: [
                "namespace": access.namespace.name.text, "tag_expiration": String(timeMachine.seconds),
            ])
        try await platform.database.write { transaction in
            guard try AccountStore.timeMachine(ofNamespace: id, in: transaction) != timeMachine else {
                return
            }
            try AccountStore.setTimeMachine(ofNamespace: id, to: timeMachine, in: transaction)
            try AuditLogStore.add(entry, in: transaction)
        }
    }
}
