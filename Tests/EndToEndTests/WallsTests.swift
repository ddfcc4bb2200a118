import Foundation
import TestSupport
import Testing

/// The walls of the local executor, tried from inside a RUN.
@Suite("Walls", .serialized) struct WallsTests {
    @Test("SEC-Build escape: a RUN reaches neither the host's processes nor its data directory")
    func staysInside() async throws {
        let farm = try await Farm(.sqlite)
        let token = try await farm.initialize()
        try await farm.pushBaseImage(token: token)
        try await farm.createRepository("escape", token: token)
        let registry = try #require(farm.registry.identifier)
        let secret = try farm.folder.write("host secret", to: "data/secret.txt")
        let build = try await farm.build(
            "escape",
            files: [
                "Dockerfile": """
                FROM \(farm.host)/admin/busybox
                RUN kill -9 \(registry) 2>/dev/null; kill -0 \(registry) 2>/dev/null && echo REACHED-PROCESS; true
                RUN ps | grep RegistryLite | grep -v grep && echo SAW-PROCESS; true
                RUN mkdir -p /x && cd / && (chroot /x /bin/true; true); \
                    for up in $(seq 20); do cd ..; done; cat .\(secret) && echo READ-SECRET; true
                RUN cat /proc/1/root\(secret) && echo READ-SECRET; ls /proc/1/root\(farm.folder.path)/data && echo READ-DATA; true
                """
            ], token: token)
        let outcome = try await farm.outcome(of: build, in: "escape", token: token)
        let log = try await farm.log(of: build, in: "escape", token: token)
        // The commands of the steps name the words too: only whole output lines count.
        let output = Set(log.map { $0.trimmingCharacters(in: .whitespacesAndNewlines) })
        #expect(outcome == "complete", "\(log.joined(separator: "\n"))")
        #expect(output.isDisjoint(with: ["REACHED-PROCESS", "SAW-PROCESS", "READ-SECRET", "READ-DATA"]), "\(log)")
        #expect(!output.contains("host secret"))
        #expect(farm.registry.exitCode == nil)
    }

    @Test("SEC-Build escape: a private image of one build is not visible to the next")
    func keepsImagesApart() async throws {
        let farm = try await Farm(.sqlite)
        let token = try await farm.initialize()
        try await farm.pushBaseImage(token: token)
        try await farm.createRepository("private", visibility: "private", token: token)
        try await farm.createRepository("thief", token: token)
        let first = try await farm.build(
            "private", files: ["Dockerfile": "FROM \(farm.host)/admin/busybox\nRUN echo mine > /private.txt"],
            token: token)
        #expect(try await farm.outcome(of: first, in: "private", token: token) == "complete")
        _ = try await farm.pull("admin/private", credentials: "\(Farm.user):\(Farm.password)")
        await #expect(throws: (any Error).self) { try await farm.pull("admin/private") }

        let second = try await farm.build(
            "thief", files: ["Dockerfile": "FROM \(farm.host)/admin/private\nRUN cat /private.txt"], token: token)
        #expect(try await farm.outcome(of: second, in: "thief", token: token) == "error")
        let log = try await farm.log(of: second, in: "thief", token: token)
        #expect(!log.contains { $0.trimmingCharacters(in: .whitespaces) == "mine" })
    }
}
