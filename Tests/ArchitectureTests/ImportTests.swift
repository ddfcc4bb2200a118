import Testing

/// The arrows of the house (docs/architecture.md): what each target may import.
@Suite("Imports") struct ImportTests {
    /// What every file may use.
    static let everywhere: Set = [
        "Foundation", "FoundationEssentials", "Dispatch", "Synchronization", "Glibc", "Logging", "Metrics",
    ]

    static let kits: Set = [
        "Runtime", "OCI", "SQL", "SQLiteDriver", "PostgresDriver", "Redis", "WebRequests", "ObjectStorage", "AWS",
        "Archive", "Gzip",
        "YAML", "Secrets", "SourceControl", "Telemetry", "ServerTLS",
    ]
    static let ours = kits.union([
        "Domain", "BuildProtocol", "RegistryCore", "RegistryLite", "Buildman", "BuilderAgent",
    ])

    /// Which of our kits a kit may use besides Runtime.
    static let kitArrows: [String: Set<String>] = [
        "SQLiteDriver": ["SQL"], "PostgresDriver": ["SQL"], "ObjectStorage": ["AWS"], "AWS": ["WebRequests"],
        "SourceControl": ["WebRequests"],
    ]

    /// What the targets above the kits may import.
    static let arrows: [String: Set<String>] = [
        "Domain": ["OCI"],
        "BuildProtocol": ["Domain", "OCI", "SwiftProtobuf", "GRPCCore", "GRPCProtobuf"],
        "RegistryCore": [
            "Domain", "OCI", "Runtime", "SQL", "Redis", "ObjectStorage", "WebRequests", "Secrets", "SourceControl",
            "YAML",
            "Archive", "Gzip", "NIOCore", "NIOPosix", "Crypto", "CryptoExtras", "_CryptoExtras", "JWTKit",
        ],
        "RegistryLite": [
            "RegistryCore", "Domain", "OCI", "Runtime", "SQL", "ObjectStorage", "Secrets", "Hummingbird",
            "HummingbirdCore",
            "HummingbirdHTTP2", "HummingbirdTLS", "NIOCore", "NIOPosix", "NIOHTTP1", "NIOHTTP2", "NIOSSL",
            "NIOHTTPTypes",
            "NIOHTTPTypesHTTP1", "NIOHTTPTypesHTTP2", "HTTPTypes", "ServerTLS", "Crypto", "JWTKit", "Mustache",
            "ServiceLifecycle", "UnixSignals",
        ],
        "Buildman": [
            "RegistryCore", "Domain", "OCI", "Runtime", "SQL", "BuildProtocol", "GRPCCore", "GRPCNIOTransportHTTP2",
            "GRPCNIOTransportHTTP2Posix", "GRPCProtobuf", "NIOCore", "NIOPosix", "NIOHTTP1", "NIOSSL", "JWTKit",
            "Subprocess",
            "ServiceLifecycle", "UnixSignals", "SystemPackage", "Secrets", "ServerTLS",
        ],
        "BuilderAgent": [
            "Domain", "BuildProtocol", "OCI", "Archive", "WebRequests", "Runtime", "GRPCCore", "GRPCNIOTransportHTTP2",
            "GRPCNIOTransportHTTP2Posix", "GRPCProtobuf", "Subprocess", "ServiceLifecycle", "UnixSignals",
            "SystemPackage",
        ],
    ]

    /// What only one room of a target may import.
    static let rooms: [String: Set<String>] = [
        "Sources/RegistryLite/Main/": [
            "ArgumentParser", "SQLiteDriver", "PostgresDriver", "Telemetry", "Redis", "WebRequests", "YAML",
        ],
        "Sources/Buildman/Main/": [
            "ArgumentParser", "SQLiteDriver", "PostgresDriver", "Telemetry", "Redis", "ObjectStorage", "YAML",
        ],
        "Sources/Buildman/Metrics/": ["Telemetry"],
        "Sources/Buildman/Orchestration/": ["Redis"],
        "Sources/Buildman/Executors/EC2/": ["AWS", "WebRequests"],
        "Sources/Buildman/Executors/Kubernetes/": ["WebRequests"],
        "Sources/BuilderAgent/Main/": ["Telemetry"],
    ]

    @Test(
        "each file above the kits imports only what its target may", arguments: SourceTree.sources.filter { !$0.isKit })
    func targetsKeepTheirArrows(file: SourceFile) throws {
        let target = try #require(Self.arrows[file.target], "\(file.target) has no row in the table")
        let room = Self.rooms.filter { file.path.hasPrefix($0.key) }.reduce(into: Set<String>()) {
            $0.formUnion($1.value)
        }
        let allowed = Self.everywhere.union(target).union(room)
        #expect(Set(file.imports).subtracting(allowed).isEmpty)
    }

    @Test("a kit uses of ours only Runtime and its own arrows", arguments: SourceTree.sources.filter(\.isKit))
    func kitsStandAlone(file: SourceFile) {
        let allowed = Set(["Runtime"]).union(Self.kitArrows[file.target] ?? []).union([file.target])
        #expect(Set(file.imports).intersection(Self.ours).subtracting(allowed).isEmpty)
    }

    @Test("the tree is really read") func readsTheTree() {
        #expect(SourceTree.sources.count > 50)
        #expect(SourceTree.sources.contains { $0.path == "Sources/Domain/Tags/TagName.swift" && $0.target == "Domain" })
        let file = SourceFile(
            path: "Sources/Domain/X.swift",
            lines: ["package import struct Foundation.Date", "@testable import SQL", "// import Redis", "import OCI"])
        #expect(file.imports == ["Foundation", "SQL", "OCI"])
    }
}
