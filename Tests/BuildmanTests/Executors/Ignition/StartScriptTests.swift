import Foundation
import Glibc
import RegistryCore
import TestSupport
import Testing

@testable import Buildman

/// The script that a machine starts its build with, run in a folder that stands for the machine, where the programs of
/// the system only note what they were asked for.
@Suite("A builder's start script") struct StartScriptTests {
    struct Machine {
        let folder: TemporaryFolder
        let root: String

        init(
            agentVersion: String? = nil, programs: [String] = [], podman: String = "",
            _ change: (inout BuilderMachine.Settings) -> Void = { _ in }
        ) throws {
            folder = try TemporaryFolder()
            root = folder.path("machine")
            let document = try BuilderMachineTests.document(change)
            for (path, file) in document.files { try write(file.text, to: path, mode: file.mode) }
            try write("system\n", to: "/etc/ssl/certs/ca-certificates.crt")
            if let agentVersion {
                try write(agentVersion + "\n", to: "/usr/local/share/builderagent/version")
                try write(
                    "#!/bin/sh\necho agent trusts $TLS_CERT_PATH stores $BUILD_STORAGE_ROOT in $PWD >>\"$NOTES\"\n",
                    to: "/usr/local/bin/BuilderAgent", mode: 0o755)
            }
            try FileManager.default.createDirectory(
                atPath: root + "/usr/local/share/ca-certificates", withIntermediateDirectories: true)
            for program in ["systemctl", "podman", "docker", "sleep"] + programs {
                let act = program == "podman" ? podman : ""
                try write(
                    "#!/bin/sh\necho \(program) \"$@\" >>\"$NOTES\"\n\(act)\n", to: "/bin/\(program)", mode: 0o755)
            }
            // The same script, with the machine's folder before each path.
            let script = try String(contentsOfFile: root + BuilderFiles.script, encoding: .utf8)
            let moved = script.replacing(/(?<before>[ ="':])\/(?=etc\/|root\/|usr\/local\/|var\/lib\/)/) {
                "\($0.output.before)\(root)/"
            }
            try write(moved, to: BuilderFiles.script)
        }

        func write(_ text: String, to path: String, mode: Int = 0o644) throws {
            let url = URL(fileURLWithPath: root + path)
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(text.utf8).write(to: url)
            try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: url.path)
        }

        func read(_ path: String) throws -> String { try String(contentsOfFile: root + path, encoding: .utf8) }
        func exists(_ path: String) -> Bool { access(root + path, F_OK) == 0 }

        /// The script's exit code, and what was asked of the programs, without the machine's folder.
        func run() async throws -> (code: Int32, notes: [String]) {
            let notes = root + "/notes"
            let script = try ChildProcess(
                "/bin/sh", [root + BuilderFiles.script],
                environment: ["PATH": "\(root)/bin:/usr/bin:/bin", "NOTES": notes])
            let code = try await script.exit(within: .seconds(60))
            let text = exists("/notes") ? try read("/notes") : ""
            return (code, text.replacing(root, with: "").split(separator: "\n").map(String.init))
        }
    }

    @Test("runs the agent of the image when it is the wanted version, and forgets the worker's login")
    func bakedAgent() async throws {
        let machine = try Machine(agentVersion: "v3.4.0")
        let result = try await machine.run()
        #expect(
            result.notes == ["agent trusts /etc/builder/certs/ssl.cert stores /var/lib/buildman in /var/lib/buildman"])
        #expect(result.code == 0)
        #expect(!machine.exists("/root/worker"))
    }

    @Test(
        "pulls and runs the worker otherwise, with its login until then, and none of its secrets in a command",
        arguments: [nil, "v3.3.0", ""])
    func worker(_ version: String?) async throws {
        let machine = try Machine(agentVersion: version)
        let result = try await machine.run()
        let image = "registry.example:5000/quay/builder:v3.4.0"
        #expect(result.code == 0)
        #expect(
            result.notes == [
                "systemctl start podman.socket",
                "podman pull --quiet --authfile /root/worker/config.json \(image)",
                "podman run --volume /run/podman/podman.sock:/var/run/podman/podman.sock "
                    + "--env DOCKER_HOST=unix:///var/run/podman/podman.sock --rm --name quay-builder --pull=never "
                    + "--privileged --user 0 --env-file /root/overrides.list --env TLS_CERT_PATH=/certs/ssl.cert "
                    + "--env BUILD_STORAGE_ROOT=/var/lib/buildman --volume /etc/builder/certs:/certs:ro "
                    + "--volume /var/lib/buildman:/var/lib/buildman \(image)",
            ])
        #expect(!machine.exists("/root/worker"))
    }

    @Test("uses docker where that is the runtime") func docker() async throws {
        let result = try await Machine { $0.runtime = .docker }.run()
        #expect(result.notes.first == "systemctl start docker.service")
        #expect(
            result.notes.dropFirst().first?.hasPrefix("docker --config /root/worker pull --quiet registry.") == true)
        #expect(
            result.notes.last?.hasPrefix(
                "docker run --net=host --volume /var/run/docker.sock:/var/run/docker.sock --rm --name quay-builder ")
                == true)
    }

    @Test("tries again while the worker can't be pulled, then fails and says so") func pullFails() async throws {
        let machine = try Machine(podman: "test \"$1\" != pull")
        let result = try await machine.run()
        #expect(result.code == 1)
        #expect(result.notes.count { $0.hasPrefix("podman pull") } == 5)
        #expect(result.notes.filter { $0.hasPrefix("sleep") } == ["sleep 2", "sleep 4", "sleep 8", "sleep 16"])
        #expect(!result.notes.contains { $0.hasPrefix("podman run") })
    }

    @Test("gives the agent the system's authorities and the configuration's in one file") func authorities()
        async throws
    {
        let folder = try TemporaryFolder()
        let more = try folder.write(BuilderMachineTests.other, to: "more.crt")
        let debian = try Machine(agentVersion: "v3.4.0", programs: ["update-ca-certificates"]) {
            $0.authorityPEM = BuilderMachineTests.certificate
            $0.authorityFiles = [more]
        }
        let result = try await debian.run()
        #expect(result.code == 0 && result.notes.first == "update-ca-certificates")
        let bundle = try debian.read("/etc/builder/certs/ssl.cert")
        #expect(bundle == "system\n" + BuilderMachineTests.other + BuilderMachineTests.certificate)
        #expect(
            try debian.read("/usr/local/share/ca-certificates/builder-ssl.crt") == BuilderMachineTests.certificate)

        let fedora = try Machine(agentVersion: "v3.4.0", programs: ["update-ca-trust"]) {
            $0.authorityPEM = BuilderMachineTests.certificate
        }
        #expect(try await fedora.run().notes.first == "update-ca-trust")
    }
}
