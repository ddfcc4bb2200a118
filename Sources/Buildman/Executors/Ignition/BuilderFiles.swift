import OCI
import RegistryCore

/// Where a builder's machine keeps its files, and what stands in those that don't depend on the build.
enum BuilderFiles {
    /// For root only.
    static let folder = "/etc/builder"
    static let script = folder + "/start.sh"
    /// The environment of the agent, with its token.
    static let environment = "/root/overrides.list"
    /// The login for the worker's image; gone once that is pulled.
    static let loginFolder = "/root/worker"
    static let login = loginFolder + "/config.json"
    static let anchors = "/etc/pki/ca-trust/source/anchors"

    /// The agent that an image brings, and the file that says its version.
    static let bakedAgent = "/usr/local/bin/BuilderAgent"
    static let bakedVersion = "/usr/local/share/builderagent/version"

    /// Runs the agent of the image when it is the wanted version, else the worker's image.
    ///
    /// The agent gets one file with every authority to believe. The worker gets that as `/certs/ssl.cert`, and the socket
    /// of the machine's engine, since the original one builds with that. Source: Quay 13.1, 13.8.
    static func startScript(worker: ImageReference, runtime: ExecutorSettings.ContainerRuntime) -> String {
        let engine: Engine = runtime == .docker ? .docker : .podman
        return """
            #!/bin/sh
            set -eu
            image=\(quoted(worker.text))
            login=\(loginFolder)
            certs=\(folder)/certs
            data=/var/lib/buildman
            anchors=\(anchors)

            mkdir -p "$certs" "$data"
            if command -v update-ca-trust >/dev/null; then
                update-ca-trust
            elif command -v update-ca-certificates >/dev/null && ls "$anchors"/* >/dev/null 2>&1; then
                for file in "$anchors"/*; do
                    name=${file##*/}
                    cp "$file" "/usr/local/share/ca-certificates/builder-${name%.*}.crt"
                done
                update-ca-certificates
            fi
            for file in /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/certs/ca-certificates.crt; do
                if [ -f "$file" ]; then cat "$file"; break; fi
            done >"$certs/ssl.cert"
            for file in "$anchors"/*; do
                if [ -f "$file" ]; then cat "$file"; fi
            done >>"$certs/ssl.cert"

            if [ -x \(bakedAgent) ] && [ "$(cat \(bakedVersion) 2>/dev/null)" = \(quoted(worker.tagOrLatest)) ]; then
                rm -rf "$login"
                cd "$data"
                export TLS_CERT_PATH="$certs/ssl.cert" BUILD_STORAGE_ROOT="$data"
                exec \(bakedAgent)
            fi

            systemctl start \(engine.service)
            for pause in 2 4 8 16 0; do
                if \(engine.pull) "$image"; then break; fi
                if [ "$pause" = 0 ]; then
                    echo "<3>The worker's image $image can't be pulled."
                    exit 1
                fi
                sleep "$pause"
            done
            # Nothing that is built here has any business with it.
            rm -rf "$login"
            exec \(engine.run) --rm --name quay-builder --pull=never --privileged --user 0 \\
                --env-file \(environment) --env TLS_CERT_PATH=/certs/ssl.cert --env BUILD_STORAGE_ROOT="$data" \\
                --volume "$certs:/certs:ro" --volume "$data:$data" "$image"

            """
    }

    /// Everything goes to memory; what is worse than a notice also to the console, which the pod's log or the cloud shows
    /// to more people than may see what a build prints.
    static func journal(isVerbose: Bool) -> String {
        """
        [Journal]
        Storage=volatile
        RuntimeMaxUse=64M
        ForwardToConsole=yes
        MaxLevelConsole=\(isVerbose ? "info" : "warning")

        """
    }

    static func registryCertificates(_ runtime: ExecutorSettings.ContainerRuntime) -> String {
        runtime == .docker ? "/etc/docker/certs.d" : "/etc/containers/certs.d"
    }

    /// Lets the machine's engine speak to a registry without TLS.
    static func insecureRegistry(
        _ registry: String, runtime: ExecutorSettings.ContainerRuntime
    ) -> [IgnitionConfig.File] {
        runtime == .docker
            ? [.init("/etc/docker/daemon.json", "{\"insecure-registries\": [\"\(registry)\"]}\n")]
            : [
                .init(
                    "/etc/containers/registries.conf.d/50-builder.conf",
                    "[[registry]]\nlocation = \"\(registry)\"\ninsecure = true\n")
            ]
    }

    /// What pulls and runs the worker: the machine's podman, or its docker.
    private struct Engine {
        let service: String
        let pull: String
        let run: String

        static let podman = Engine(
            service: "podman.socket", pull: "podman pull --quiet --authfile \"$login/config.json\"",
            run: "podman run --volume /run/podman/podman.sock:/var/run/podman/podman.sock "
                + "--env DOCKER_HOST=unix:///var/run/podman/podman.sock")
        static let docker = Engine(
            service: "docker.service", pull: "docker --config \"$login\" pull --quiet",
            run: "docker run --net=host --volume /var/run/docker.sock:/var/run/docker.sock")
    }

    private static func quoted(_ text: String) -> String {
        "'" + text.replacing("'", with: "'\\''") + "'"
    }
}
