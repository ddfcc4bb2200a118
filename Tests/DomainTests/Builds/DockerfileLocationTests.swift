import Domain
import Testing

@Suite("Dockerfile location") struct DockerfileLocationTests {
    @Test(
        "what a request leaves out follows from what it gives",
        arguments: [
            // path, subdirectory, context → dockerfile, context
            (nil, nil, nil, "/Dockerfile", "/"),
            ("Dockerfile", nil, nil, "/Dockerfile", "/"),
            ("/docker/prod.Dockerfile", nil, nil, "/docker/prod.Dockerfile", "/docker"),
            ("docker/Dockerfile", nil, "/", "/docker/Dockerfile", "/"),
            (nil, "sub", nil, "/sub/Dockerfile", "/sub"),
            (nil, "/sub/dir/", nil, "/sub/dir/Dockerfile", "/sub/dir"),
            (nil, nil, "ctx", "/ctx/Dockerfile", "/ctx"),
            // dockerfile_path makes subdirectory void; subdirectory makes context void.
            ("a/Dockerfile", "b", nil, "/a/Dockerfile", "/a"),
            (nil, "b", "c", "/b/Dockerfile", "/b"),
            (nil, "./b//./c", nil, "/b/c/Dockerfile", "/b/c"),
        ] as [(String?, String?, String?, String, String)])
    func resolves(
        _ path: String?, _ subdirectory: String?, _ context: String?, _ dockerfile: String, _ directory: String
    ) throws {
        let location = try DockerfileLocation(dockerfilePath: path, subdirectory: subdirectory, context: context)
        #expect(location.dockerfile == dockerfile)
        #expect(location.context == directory)
    }

    @Test(
        "SEC-Archive extraction: a path that leaves the source, or is none, is refused",
        arguments: [
            "..", "../Dockerfile", "/a/../../etc/passwd", "a\u{0}b", "a\nb", String(repeating: "a", count: 5000),
        ])
    func refuses(_ path: String) {
        #expect(throws: DockerfileLocation.Malformed.self) {
            try DockerfileLocation(dockerfilePath: path, subdirectory: nil, context: nil)
        }
        #expect(throws: DockerfileLocation.Malformed.self) {
            try DockerfileLocation(dockerfilePath: nil, subdirectory: path, context: nil)
        }
        #expect(throws: DockerfileLocation.Malformed.self) {
            try DockerfileLocation(dockerfilePath: "Dockerfile", subdirectory: nil, context: path)
        }
    }

    @Test(
        "a builder sees the Dockerfile from its context, or the Dockerfile's own directory where it lies outside",
        arguments: [
            ("/Dockerfile", "/", "/", "Dockerfile"),
            ("/docker/Dockerfile", "/", "/", "docker/Dockerfile"),
            ("/docker/Dockerfile", "/docker", "/docker", "Dockerfile"),
            ("/docker/Dockerfile", "/src", "/docker", "Dockerfile"),
            ("/Dockerfile", "/src", "/", "Dockerfile"),
            // A sibling that begins alike is outside.
            ("/srcs/Dockerfile", "/src", "/srcs", "Dockerfile"),
        ])
    func forBuilder(_ dockerfile: String, _ context: String, _ seenContext: String, _ seenDockerfile: String) throws {
        let location = try DockerfileLocation(storedDockerfile: dockerfile, storedContext: context)
        #expect(location.forBuilder.context == seenContext)
        #expect(location.forBuilder.dockerfile == seenDockerfile)
    }
}
