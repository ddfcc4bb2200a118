import Foundation
import TestSupport
import Testing
import WebRequests

/// What clients see when the server is told to stop.
@Suite("Stopping", .serialized) struct StoppingTests {
    @Test("what is under way ends well: a slow pull, a slow push and a followed log; new connections are refused")
    func transfersFinish() async throws {
        let farm = try await Farm(.sqlite, settings: "SHUTDOWN_DELAY: 1.5")
        let token = try await farm.initialize()
        let bytes = (0..<12_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ ($0 >> 9)) }
        let blob = try await PushedBlob(bytes, farm: farm)
        // Without a manager the build waits, and so does whoever follows its log.
        #expect(try await farm.buildman.terminate() == 0)
        try await farm.createRepository("quiet", token: token)
        let build = try await farm.build("quiet", files: ["Dockerfile": "FROM scratch"], token: token)
        let logs = "\(farm.url)/api/v1/repository/admin/quiet/build/\(build)/logs"
        let out = farm.folder.path("pulled")
        let common = ["-sS", "--max-time", "60", "-H", "Authorization: Bearer \(blob.token)", "-w", "%{http_code}"]
        let pull = try ChildProcess("curl", common + ["--limit-rate", "3M", "-o", out, blob.url])
        let push = try ChildProcess(
            "curl", common + ["--limit-rate", "3M", "-H", "Expect:", "--data-binary", "@\(blob.file)", blob.uploadURL])
        let follower = try ChildProcess(
            "curl",
            [
                "-sSN", "--max-time", "60", "-H", "Authorization: Bearer \(token)", "-H", "Accept: text/event-stream",
                logs,
            ])
        try await farm.eventually("all three are under way") {
            let size = (try? FileManager.default.attributesOfItem(atPath: out)[.size] as? Int) ?? 0
            return size > 1_000_000 && follower.printed.contains("event: log")
        }
        async let code = farm.registry.terminate()
        try await farm.eventually("the health turns first") {
            try await farm.client.send(WebRequest(.get, "\(farm.url)/readyz")).status == 503
        }
        let instance = try await farm.client.send(WebRequest(.get, "\(farm.url)/health/instance"))
        #expect(instance.status == 503)
        #expect(instance.headers["Connection"] == "close")
        try await farm.eventually("nobody is let in any more") {
            (try? await WebClient(addresses: .any).send(WebRequest(.get, "\(farm.url)/livez"))) == nil
        }
        #expect(try await follower.exit() == 0, "\(follower.printed)")
        #expect(try await pull.exit() == 0)
        #expect(pull.printed.hasSuffix("200"))
        #expect(try Data(contentsOf: URL(fileURLWithPath: out)) == Data(bytes))
        #expect(try await push.exit() == 0)
        #expect(push.printed.hasSuffix("201"), "\(push.printed)")
        #expect(try await code == 0)
    }

    @Test("who does not come to an end is cut when the time is over") func forced() async throws {
        let farm = try await Farm(.sqlite, settings: "SHUTDOWN_TIMEOUT: 2")
        _ = try await farm.initialize()
        let blob = try await PushedBlob((0..<30_000_000).map { UInt8(truncatingIfNeeded: $0) }, farm: farm)
        let out = farm.folder.path("pulled")
        let pull = try ChildProcess(
            "curl",
            [
                "-sS", "-H", "Authorization: Bearer \(blob.token)", "--limit-rate", "1M", "-o", out, blob.url,
            ])
        try await farm.eventually("the pull has begun") {
            ((try? FileManager.default.attributesOfItem(atPath: out)[.size] as? Int) ?? 0) > 0
        }
        let start = ContinuousClock.now
        #expect(try await farm.registry.terminate() == 0, "\(farm.registry.log.suffix(2000))")
        #expect(ContinuousClock.now - start < .seconds(15))
        #expect(try await pull.exit(within: .seconds(20)) != 0)
    }
}

/// A blob in `admin/blobs`, and a token to pull and push it with.
private struct PushedBlob {
    let token: String
    let url: String
    let uploadURL: String
    let file: String

    init(_ bytes: [UInt8], farm: Farm) async throws {
        let basic = Data("\(Farm.user):\(Farm.password)".utf8).base64EncodedString()
        let answer = try await farm.client.send(
            WebRequest(
                .get, "\(farm.url)/v2/auth?service=\(farm.host)&scope=repository:admin/blobs:pull,push",
                headers: ["Authorization": "Basic \(basic)"]))
        token = try Farm.Answer(status: answer.status, text: answer.text).string("token")
        file = farm.folder.path("blob")
        try Data(bytes).write(to: URL(fileURLWithPath: file))
        let sum = try ChildProcess("sha256sum", [file])
        #expect(try await sum.exit() == 0)
        let digest = "sha256:\(sum.printed.prefix(64))"
        url = "\(farm.url)/v2/admin/blobs/blobs/\(digest)"
        uploadURL = "\(farm.url)/v2/admin/blobs/blobs/uploads/?digest=\(digest)"
        var request = WebRequest(.post, uploadURL, body: .file(path: file))
        request.authorize(bearer: token)
        let stored = try await farm.client.send(request)
        #expect(stored.status == 201, "\(stored.text)")
    }
}
