import TestSupport
import Testing

/// `RegistryLite fsck` on a registry that does not run.
enum Fsck {
    static func expectClean(_ registry: LoneRegistry, _ context: String = "") async throws {
        let check = try ChildProcess(
            Programs.registryLite, ["fsck", "--config", registry.config, "--data-dir", registry.data])
        let code = try await check.exit(within: .seconds(120))
        if code == 64 { return print("SKIPPED: this program has no fsck.") }
        #expect(code == 0, "fsck says \(code) \(context): \(check.printed)")
    }
}
