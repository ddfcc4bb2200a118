import Foundation
import Glibc
import RegistryCore
import TestSupport
import Testing

@testable import Buildman

/// Debian's Ignition reads our documents, as a machine does at its first start.
@Suite("Ignition itself") struct IgnitionProgramTests {
    static let program = "/usr/lib/dracut/modules.d/30ignition/ignition"

    static func documents() throws -> [String] {
        let folder = try TemporaryFolder()
        let authority = try folder.write(BuilderMachineTests.other, to: "ca.crt")
        return try [false, true].map { isEverything in
            var settings = BuilderMachineTests.settings
            if isEverything {
                settings.authorityPEM = BuilderMachineTests.certificate
                settings.authorityFiles = [authority]
                settings.authorizedKeys = ["ssh-ed25519 AAAA a"]
                settings.staysOn = true
            } else {
                settings.runtime = .docker
                settings.isRegistryInsecure = true
            }
            return try BuilderMachine(settings).document(for: BuilderMachineTests.launch())
        }
    }

    @Test("its validator finds nothing to complain of") func validates() async throws {
        let folder = try TemporaryFolder()
        for document in try Self.documents() {
            let path = try folder.write(document, to: "config.ign")
            let validator = try ChildProcess("/usr/bin/ignition-validate", [path])
            #expect(try await validator.exit(within: .seconds(30)) == 0, "\(validator.printed)")
            #expect(validator.printed.isEmpty)
        }
    }

    @Test("it writes what we meant", .enabled(if: getuid() == 0)) func applies() async throws {
        for document in try Self.documents() {
            let folder = try TemporaryFolder()
            let root = folder.path("root")
            for path in ["etc/systemd/system", "etc/selinux", "root", "usr", "run"] {
                try FileManager.default.createDirectory(atPath: "\(root)/\(path)", withIntermediateDirectories: true)
            }
            // Labels are another program's work, which is not looked at either.
            try folder.write("SELINUX=disabled\nSELINUXTYPE=targeted\n", to: "root/etc/selinux/config")
            chmod(try folder.write("#!/bin/sh\nexit 0\n", to: "setfiles"), 0o755)
            // Accounts are made by programs of the machine: they are not part of what is looked at here.
            var values = try #require(
                try JSONSerialization.jsonObject(with: Data(document.utf8)) as? [String: Any])
            values["passwd"] = nil
            let cache = try folder.write(
                String(decoding: try JSONSerialization.data(withJSONObject: values), as: UTF8.self), to: "config.ign")
            let run = try ChildProcess(
                Self.program,
                [
                    "-root", root, "-stage", "files", "-platform", "file", "-config-cache", cache, "-state-file",
                    folder.path("state"), "-log-to-stdout",
                ], environment: ["PATH": "\(folder.path):/usr/bin:/bin"])
            #expect(try await run.exit(within: .seconds(60)) == 0, "\(run.printed)")

            let expected = try IgnitionDocument(document)
            for (path, file) in expected.files {
                #expect(try String(contentsOfFile: root + path, encoding: .utf8) == file.text, "\(path)")
                let mode = try FileManager.default.attributesOfItem(atPath: root + path)[.posixPermissions] as? Int
                #expect(mode == file.mode, "\(path)")
            }
            for (path, target) in expected.links {
                #expect(try FileManager.default.destinationOfSymbolicLink(atPath: root + path) == target)
            }
            for (name, unit) in expected.units where !unit.contents.isEmpty {
                #expect(
                    try String(contentsOfFile: "\(root)/etc/systemd/system/\(name)", encoding: .utf8) == unit.contents)
            }
        }
    }
}
