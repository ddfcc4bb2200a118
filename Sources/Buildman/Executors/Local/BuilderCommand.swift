import Domain

/// The command line and environment of one builder process: pure, so that its walls can be read and tested.
struct BuilderCommand: Sendable, Hashable {
    /// What is the same for every attempt.
    struct Settings: Sendable, Hashable {
        /// The program that is started: BuilderAgent, or a wrapper that ends in it (BUILDER_BINARY_LOCATION).
        var program: String
        /// CONTAINER_RUNTIME.
        var runtime = "buildah"
        /// BUILDAH_ISOLATION; nil: what suits the walls.
        var isolation: String?
        /// What starts containers for buildah where the isolation needs it; nil for buildah's own choice.
        var containerStarter: String?
        /// A PEM file with the authorities that agents trust for this manager; nil for the machine's own.
        var certificatePath: String?
        /// DEBUG.
        var isDebug = false
    }

    let arguments: [String]
    let environment: [String: String]

    /// - Parameter isBehindWalls: the builder gets its own user, processes, mounts and IPC, which only root can arrange.
    init(_ launch: BuilderLaunch, _ settings: Settings, rooms: BuilderRooms, isBehindWalls: Bool) {
        let home = isBehindWalls ? rooms.work : rooms.home(of: launch.key)
        var environment = [
            "TOKEN": launch.registrationToken, "SERVER": launch.server, "BUILD_UUID": launch.key.buildUUID,
            "REGISTRY_HOSTNAME": launch.registryHostname, "CONTAINER_RUNTIME": settings.runtime,
            // chroot isolation is no wall by itself: only where the builder stands behind others.
            "BUILDAH_ISOLATION": settings.isolation ?? (isBehindWalls ? "chroot" : "rootless"), "HOME": home,
            "TMPDIR": "\(home)/tmp",
            "XDG_RUNTIME_DIR": "\(home)/run", "LANG": "C.UTF-8",
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        ]
        if launch.isInsecure { environment["INSECURE"] = "true" }
        if settings.isDebug { environment["DEBUG"] = "true" }
        environment["TLS_CERT_PATH"] = settings.certificatePath
        // For what it starts: buildah believes this file.
        environment["SSL_CERT_FILE"] = settings.certificatePath
        environment["BUILDAH_RUNTIME"] = settings.containerStarter
        let marker = Self.marker(of: launch.key).split(separator: "=", maxSplits: 1).map(String.init)
        environment[marker[0]] = marker[1]
        self.environment = environment

        let note = [rooms.stateFile(of: launch.key), rooms.logFile(of: launch.key)]
        if isBehindWalls, let user = rooms.owner {
            arguments =
                [
                    "-c",
                    Self.noteThen(
                        "exec unshare --pid --mount --ipc --fork --kill-child --mount-proc -- /bin/sh -c \"$@\""), "sh",
                ]
                + note + [
                    Self.enterWalls, "sh", rooms.home(of: launch.key), rooms.attempts, rooms.work, settings.program,
                    String(user.userID), String(user.groupID),
                ]
        } else {
            arguments =
                ["-c", Self.noteThen("cd -- \"$1\" && exec \"$2\""), "sh"] + note + [home, settings.program]
        }
    }

    /// What each process of an attempt carries in its environment.
    static func marker(of key: JobKey) -> String { "BUILDMAN_JOB=\(key)" }

    /// The first process notes who it is before it does anything, so that a manager that is killed at any moment finds
    /// it again; what follows is the same process.
    private static func noteThen(_ rest: String) -> String {
        """
        cat "/proc/$$/stat" >"$1.new" && mv "$1.new" "$1" || exit 126
        exec </dev/null >>"$2" 2>&1
        shift 2
        \(rest)
        """
    }

    /// Inside the new namespaces, still as root: the attempt's home appears at the work place, the homes of all others and
    /// the program's own folder disappear, and then the rights go. These mounts belong to the machine's user namespace:
    /// no root inside a build can take them away.
    private static let enterWalls = """
        set -e
        home=$1 attempts=$2 work=$3 program=$4 user=$5 group=$6
        mount --bind -- "$home" "$work"
        # The program may lie where the builder's user can't go.
        if ! setpriv --reuid "$user" --regid "$group" --init-groups -- test -x "$program"; then
            : >"$work/builder"
            mount --bind -- "$program" "$work/builder"
            program=$work/builder
        fi
        mount -t tmpfs -o size=16k,mode=0755,nosuid,nodev,noexec none "$attempts"
        cd -- "$work"
        exec setpriv --reuid "$user" --regid "$group" --init-groups --pdeathsig keep -- "$program"
        """
}
