import Foundation
import Runtime
import Synchronization
import TestSupport
import Testing

@testable import AWS

@Suite("AWS keys") struct AWSCredentialSourceTests {
    @Test("the environment's keys come first, with their session") func environment() async throws {
        let source = AWSCredentialSource(environment: [
            "AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "token",
        ])
        #expect(
            try await source.current()
                == AWSCredentials(accessKeyID: "id", secretAccessKey: "secret", sessionToken: "token"))
    }

    @Test("without any, a sentence says what to do") func none() async throws {
        let source = AWSCredentialSource(environment: ["AWS_ACCESS_KEY_ID": "", "AWS_EC2_METADATA_DISABLED": "true"])
        let error = await #expect(throws: AWSCredentialSource.Unavailable.self) { try await source.current() }
        #expect(error?.description.contains("give the machine a role") == true)
    }

    @Test("an instance's role lends keys by way of a token, and is asked again before they end") func instance()
        async throws
    {
        let process = try ChildProcess("python3", ["-u", "-c", Self.metadata])
        let line = try await process.line(containing: "listening on ")
        let port = try #require(line.split(separator: " ").last)
        let seconds = Mutex<TimeInterval>(1_800_000_000)
        let clock = WallClock(
            now: { Date(timeIntervalSince1970: seconds.withLock { $0 }) },
            sleep: { try await WallClock.system.sleep(for: $0) })
        let source = AWSCredentialSource(
            environment: ["AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:\(port)/"], clock: clock)
        let first = try await source.current()
        #expect(first.accessKeyID == "lent-1" && first.sessionToken == "session")
        #expect(first.expiresAt == Date(timeIntervalSince1970: 1_800_003_600))
        #expect(try await source.current() == first)
        seconds.withLock { $0 += 3400 }
        #expect(try await source.current().accessKeyID == "lent-2")
        // The lender is gone: what still holds is used to its end, and no longer.
        process.kill()
        try await process.exit()
        seconds.withLock { $0 = 1_800_003_500 }
        #expect(try await source.current().accessKeyID == "lent-2")
        seconds.withLock { $0 = 1_800_003_601 }
        await #expect(throws: AWSCredentialSource.Unavailable.self) { try await source.current() }
    }

    /// The part of an instance's metadata service that lends keys, to whoever asks in two steps.
    private static let metadata = #"""
        from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
        import json
        lent = [0]

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, format, *args): pass
            def answer(self, status, text):
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())
            def do_PUT(self):
                asked = self.path == "/latest/api/token" and self.headers.get("X-aws-ec2-metadata-token-ttl-seconds")
                self.answer(200 if asked else 400, "the-token" if asked else "")
            def do_GET(self):
                roles = "/latest/meta-data/iam/security-credentials/"
                if self.headers.get("X-aws-ec2-metadata-token") != "the-token": return self.answer(401, "")
                if self.path == roles: return self.answer(200, "a-role\n")
                if self.path != roles + "a-role": return self.answer(404, "")
                lent[0] += 1
                self.answer(200, json.dumps({"Code": "Success", "AccessKeyId": f"lent-{lent[0]}", "SecretAccessKey": "s",
                    "Token": "session", "Expiration": "2027-01-15T09:00:00Z"}))

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        print("listening on", server.server_address[1])
        server.serve_forever()
        """#
}
