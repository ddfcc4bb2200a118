import RegistryCore
import ServiceLifecycle

/// Keeps the copies of running builds' logs in Redis up to date, where there is one.
struct LogMirrorLoop: Service {
    let mirror: BuildLogMirror

    func run() async throws {
        await cancelWhenGracefulShutdown { await mirror.run() }
    }
}
