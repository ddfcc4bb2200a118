import Foundation
import OCI
import TestSupport
import Testing

/// Artifacts and what is attached to them, with the OCI project's own Python client.
@Suite("ORAS", .serialized, .enabled(if: Client.isHere(Client.oras))) struct OrasTests {
    @Test(
        "an artifact is pushed, has something attached that is found by its subject, and comes back byte for byte"
    )
    func attaches() async throws {
        let registry = try await LoneRegistry(.sqlite)
        try await registry.start()
        try await registry.initialize()
        let folder = try TemporaryFolder()
        let script = try folder.write(Self.script, to: "client.py")
        let child = try ChildProcess(
            Client.oras, [script, registry.host, LoneRegistry.user, LoneRegistry.password, folder.path],
            environment: ["HOME": folder.path], directory: folder.path)
        let code = try await child.exit(within: .seconds(60))
        #expect(code == 0, "\(child.printed)")
        #expect(child.printed.contains("everything is as it was"), "\(child.printed)")
    }

    private static let script = #"""
        import hashlib, os, sys
        import oras.client, oras.oci, requests

        host, user, password, folder = sys.argv[1:5]
        os.chdir(folder)
        contents = {"artifact.txt": b"an artifact\n" * 1000, "sbom.json": b'{"sbom": true}'}
        for name, content in contents.items():
            with open(name, "wb") as file:
                file.write(content)

        client = oras.client.OrasClient(hostname=host, insecure=True, tls_verify=False)
        # By itself it keeps the token of its first question, which may only pull, and takes no 401 for an answer.
        token = requests.get(f"http://{host}/v2/auth", auth=(user, password),
                             params={"service": host, "scope": "repository:admin/artifact:pull,push"}).json()["token"]
        client.auth.set_token_auth(token)
        base = f"http://{host}/v2/admin/artifact"

        pushed = client.push(target=f"{host}/admin/artifact:v1", files=["artifact.txt:text/plain"],
                             manifest_annotations={"org.example.kind": "demo"})
        assert pushed.status_code == 201, pushed.text
        raw = client.do_request(f"{base}/manifests/v1", "GET",
                                headers={"Accept": "application/vnd.oci.image.manifest.v1+json"})
        digest = "sha256:" + hashlib.sha256(raw.content).hexdigest()
        assert raw.headers["Docker-Content-Digest"] == digest, raw.headers

        subject = oras.oci.Subject("application/vnd.oci.image.manifest.v1+json", digest, len(raw.content))
        attached = client.push(target=f"{host}/admin/artifact:sbom", files=["sbom.json:application/json"],
                               subject=subject)
        assert attached.status_code == 201, attached.text
        assert attached.headers.get("OCI-Subject") == digest, attached.headers

        found = client.do_request(f"{base}/referrers/{digest}", "GET").json()
        assert found["mediaType"] == "application/vnd.oci.image.index.v1+json", found
        assert len(found["manifests"]) == 1, found
        referrer = client.do_request(f"{base}/manifests/{found['manifests'][0]['digest']}", "GET").json()
        assert referrer["subject"]["digest"] == digest, referrer

        os.makedirs("pulled")
        for tag, name in (("v1", "artifact.txt"), ("sbom", "sbom.json")):
            client.pull(target=f"{host}/admin/artifact:{tag}", outdir="pulled")
            with open(f"pulled/{name}", "rb") as file:
                assert file.read() == contents[name], name
        assert sorted(client.get_tags(f"{host}/admin/artifact")) == ["sbom", "v1"]
        print("everything is as it was")
        """#
}
