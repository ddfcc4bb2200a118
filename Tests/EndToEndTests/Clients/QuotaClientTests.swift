import Foundation
import OCI
import TestSupport
import Testing
import WebRequests

/// A quota as a client meets it.
@Suite("Quotas with real clients", .serialized) struct QuotaClientTests {
    @Test(
        "a push over the warning goes through and says so; one over the limit is refused with a sentence"
    )
    func limits() async throws {
        let registry = try await LoneRegistry(.sqlite, settings: "FEATURE_QUOTA_MANAGEMENT: true")
        try await registry.start()
        let admin = try await registry.initialize()
        let token = try await registry.token(["admin/app"])
        let path = "/api/v1/superuser/users/admin/quota"
        #expect(
            try await registry.api(.post, path, #"{"limit_bytes":100000}"#, token: admin).status == 201)
        let list = try await registry.api(.get, path, token: admin)
        struct Entry: Decodable { let id: Int }
        let id = try #require(try JSONDecoder().decode([Entry].self, from: Data(list.body)).first).id
        for limit in [
            #"{"type":"Warning","threshold_percent":50}"#, #"{"type":"Reject","threshold_percent":100}"#,
        ] {
            #expect(
                try await registry.api(.post, "\(path)/\(id)/limit", limit, token: admin).status == 201)
        }
        try await registry.push(
            [UInt8](repeating: 1, count: 40_000), to: "admin/app", tag: "v1", token: token)
        let layer = [UInt8](repeating: 2, count: 30_000)
        let (digest, blob) = try await registry.upload(layer, to: "admin/app", token: token)
        #expect(blob.status == 201)
        let body = LoneRegistry.manifest(
            config: Digest(of: Array("{}".utf8)), configSize: 2, layers: [(digest, layer.count)])
        let pushed = try await registry.send(
            .put, "/v2/admin/app/manifests/v2", token: token,
            headers: ["Content-Type": MediaType.ociImage.text],
            body: body)
        #expect(pushed.status == 201)
        #expect(
            pushed.headers["Warning"]?.hasPrefix("299 - \"") == true,
            "\(pushed.headers["Warning"] ?? "-")")
        #expect(pushed.headers["Warning"]?.contains("50 %") == true)

        let (_, refused) = try await registry.upload(
            [UInt8](repeating: 3, count: 50_000), to: "admin/app", token: token)
        #expect(refused.status == 403)
        #expect(
            refused.text.contains(#""code":"DENIED""#) && refused.text.contains("quota"),
            "\(refused.text)")
        if Client.isHere("/usr/bin/skopeo") {
            let folder = try TemporaryFolder()
            let image = try await TwoPlatformImage(in: folder, saying: "large", padding: 60_000)
            let failure = await #expect(throws: Client.Failed.self) {
                try await Client.run(
                    "skopeo", "--insecure-policy", "copy", "--all", "--preserve-digests",
                    "--dest-tls-verify=false",
                    "--dest-creds",
                    "\(LoneRegistry.user):\(LoneRegistry.password)", "oci:\(image.path):all",
                    "docker://\(registry.host)/admin/app:v3")
            }
            #expect(failure?.description.contains("quota") == true, "\(failure?.description ?? "")")
        }
        let tag = try await registry.send(.get, "/v2/admin/app/manifests/v3", token: token)
        #expect(tag.status == 404)
        #expect(try await registry.server.terminate() == 0)
    }
}
