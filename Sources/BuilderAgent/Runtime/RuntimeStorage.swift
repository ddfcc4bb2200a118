import Foundation

/// Where buildah and podman keep images and containers.
struct RuntimeStorage: Sendable, Hashable {
    let root: String
    let runRoot: String
    /// nil: what the machine's storage.conf or the environment says.
    let driver: String?

    /// Removes both folders; `unshare` makes a command that runs in the runtime's user namespace.
    func remove(with commands: RuntimeCommands, unshare: ([String]) -> Command) async {
        let removal = ["rm", "-rf", "--", root, runRoot]
        if geteuid() == 0 {
            await commands.tidy(Command("rm", Array(removal.dropFirst()), environment: unshare([]).environment))
        } else {
            // Files of a rootless storage belong to other user ids: only inside its namespace can they be removed.
            await commands.tidy(unshare(removal))
        }
    }
}
