import Foundation
import TestSupport
import Testing
import WebRequests

/// The main job on real input: a tar.gz goes in, an image that anyone can pull comes out.
@Suite("The main job", .serialized) struct MainJobTests {
    @Test(
        "builds several stages on a base image in the same registry, and skopeo pulls the result",
        arguments: TestDatabase.allEngines)
    func buildsAndPulls(engine: TestDatabase.Engine) async throws {
        // One machine keeps everything in its folder, many share a database and a bucket.
        let storage =
            engine == .postgres
            ? "DISTRIBUTED_STORAGE_CONFIG: {bucket: \(try await S3Server.shared.bucket().configuration)}" : ""
        let farm = try await Farm(engine, settings: storage)
        let token = try await farm.initialize()
        try await farm.pushBaseImage(token: token)
        try await farm.createRepository("hello", token: token)
        let build = try await farm.build(
            "hello",
            files: [
                "Dockerfile": """
                FROM \(farm.host)/admin/busybox AS first
                COPY src/greeting.txt /srv/greeting.txt
                RUN tr a-z A-Z < /srv/greeting.txt > /srv/loud.txt && echo "ran as $(id -u)"
                FROM \(farm.host)/admin/busybox
                COPY --from=first /srv/loud.txt /etc/motd
                """,
                "src/greeting.txt": "hello farm",
            ], tags: ["latest", "v1"], token: token)
        let outcome = try await farm.outcome(of: build, in: "hello", token: token)
        let log = try await farm.log(of: build, in: "hello", token: token)
        #expect(outcome == "complete", "\(log.joined(separator: "\n"))\n\(farm.buildman.log)")
        #expect(log.contains { $0.contains("ran as 0") })
        #expect(log.contains("phase pushing") && log.contains("phase complete"))
        let metrics = try await farm.client.send(WebRequest(.get, "http://127.0.0.1:\(farm.metricsPort)/metrics")).text
        let counted = #"quay_build_duration_seconds_count{executor="local",job_status="complete"} 1"#
        #expect(metrics.contains(counted + "\n"), "\(metrics)")

        // Moved together, by way of an image that no tag showed.
        let listed = try await farm.call(.get, "/v2/admin/hello/tags/list", nil, token: nil)
        #expect(listed.object["tags"] as? [String] == ["latest", "v1"], "\(listed.text)")
        for tag in ["latest", "v1"] {
            let root = try await farm.pull("admin/hello:\(tag)")
            #expect(try String(contentsOfFile: "\(root)/etc/motd", encoding: .utf8) == "HELLO FARM")
        }
        #expect(try await farm.registry.terminate() == 0)
        #expect(try await farm.buildman.terminate() == 0)
    }

    @Test("keeps repositories, images and the finished build over a restart")
    func keepsTheData() async throws {
        let farm = try await Farm(.sqlite)
        let token = try await farm.initialize()
        try await farm.pushBaseImage(token: token)
        try await farm.createRepository("kept", token: token)
        let build = try await farm.build(
            "kept", files: ["Dockerfile": "FROM \(farm.host)/admin/busybox\nRUN echo kept > /kept.txt"], token: token)
        #expect(try await farm.outcome(of: build, in: "kept", token: token) == "complete")
        #expect(try await farm.registry.terminate() == 0)
        try farm.registry.start()
        try await farm.eventually("the registry answers again") {
            (try? await farm.phase(of: build, in: "kept", token: token)) == "complete"
        }
        let root = try await farm.pull("admin/kept")
        #expect(FileManager.default.fileExists(atPath: "\(root)/kept.txt"))
        let again = try await farm.call(
            .post, "/api/v1/user/initialize",
            ["username": "second", "password": "password1", "email": "b@example.com"],
            token: nil)
        #expect(again.status == 400)
    }
}
