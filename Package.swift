// swift-tools-version: 6.2
import PackageDescription

/// The laws of the house in compiler terms: Swift 6, imports stay internal, every used module is imported, no warnings.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .treatAllWarnings(as: .error),
]

/// A kit: words of computing, never of our product. Lives in `Sources/Kits/<name>`.
func kit(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, path: "Sources/Kits/\(name)", swiftSettings: strict)
}

/// A C library from Debian: a module map and, where Swift can't call (variadics, macros), a shim header.
func cLibrary(_ name: String) -> Target {
    .systemLibrary(name: name, path: "Sources/Kits/CLibraries/\(name)")
}

/// A test target mirrors the target it tests; the kits' tests share one folder.
func tests(_ name: String, _ dependencies: [Target.Dependency], path: String? = nil) -> Target {
    .testTarget(
        name: "\(name)Tests", dependencies: dependencies + ["TestSupport"], path: path ?? "Tests/\(name)Tests",
        swiftSettings: strict)
}
func kitTests(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    tests(name, [.target(name: name)] + dependencies, path: "Tests/KitTests/\(name)Tests")
}

let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let metrics = Target.Dependency.product(name: "Metrics", package: "swift-metrics")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let cryptoExtras = Target.Dependency.product(name: "CryptoExtras", package: "swift-crypto")
let jwtKit = Target.Dependency.product(name: "JWTKit", package: "jwt-kit")
let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioEmbedded = Target.Dependency.product(name: "NIOEmbedded", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let httpTypes = Target.Dependency.product(name: "HTTPTypes", package: "swift-http-types")
let nioHTTPTypes = Target.Dependency.product(name: "NIOHTTPTypes", package: "swift-nio-extras")
let nioHTTPTypesHTTP1 = Target.Dependency.product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras")
let nioHTTPTypesHTTP2 = Target.Dependency.product(name: "NIOHTTPTypesHTTP2", package: "swift-nio-extras")
let nioCertificates = Target.Dependency.product(name: "NIOCertificateReloading", package: "swift-nio-extras")
let nioHTTP2 = Target.Dependency.product(name: "NIOHTTP2", package: "swift-nio-http2")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let hummingbirdCore = Target.Dependency.product(name: "HummingbirdCore", package: "hummingbird")
let hummingbirdTLS = Target.Dependency.product(name: "HummingbirdTLS", package: "hummingbird")
let hummingbirdHTTP2 = Target.Dependency.product(name: "HummingbirdHTTP2", package: "hummingbird")
let mustache = Target.Dependency.product(name: "Mustache", package: "swift-mustache")
let lifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let lifecycleSignals = Target.Dependency.product(name: "UnixSignals", package: "swift-service-lifecycle")
let grpcCore = Target.Dependency.product(name: "GRPCCore", package: "grpc-swift-2")
let grpcTransport = Target.Dependency.product(name: "GRPCNIOTransportHTTP2", package: "grpc-swift-nio-transport")
let grpcProtobuf = Target.Dependency.product(name: "GRPCProtobuf", package: "grpc-swift-protobuf")
let protobuf = Target.Dependency.product(name: "SwiftProtobuf", package: "swift-protobuf")
let subprocess = Target.Dependency.product(name: "Subprocess", package: "swift-subprocess")
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let grdbSQLite = Target.Dependency.product(name: "GRDBSQLite", package: "GRDB.swift")

let package = Package(
    name: "Buildman",
    products: [
        .executable(name: "RegistryLite", targets: ["RegistryLite"]),
        .executable(name: "Buildman", targets: ["Buildman"]),
        .executable(name: "BuilderAgent", targets: ["BuilderAgent"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-crypto.git", from: "4.5.0"),
        .package(url: "https://github.com/apple/swift-http-types.git", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log.git", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-metrics.git", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-nio.git", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-nio-extras.git", from: "1.35.0"),
        .package(url: "https://github.com/apple/swift-nio-http2.git", from: "1.46.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl.git", from: "2.37.0"),
        .package(url: "https://github.com/apple/swift-protobuf.git", from: "1.39.0", traits: []),
        .package(url: "https://github.com/groue/GRDB.swift.git", from: "7.10.0"),
        .package(url: "https://github.com/grpc/grpc-swift-2.git", from: "2.4.0"),
        .package(url: "https://github.com/grpc/grpc-swift-nio-transport.git", from: "2.9.0"),
        .package(url: "https://github.com/grpc/grpc-swift-protobuf.git", from: "2.4.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird.git", from: "2.28.0", traits: []),
        .package(url: "https://github.com/hummingbird-project/swift-mustache.git", from: "2.1.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle.git", from: "2.13.0"),
        .package(url: "https://github.com/swiftlang/swift-subprocess.git", from: "1.0.0"),
        .package(url: "https://github.com/vapor/jwt-kit.git", from: "5.7.0"),
    ],
    targets: [
        // Ground floor: kits
        cLibrary("CCurl"), cLibrary("CHiredis"), cLibrary("CYAML"), cLibrary("CArchive"),
        cLibrary("COpenSSL"), cLibrary("CPostgres"), cLibrary("CCrypt"), cLibrary("CZlib"),
        kit("Runtime"),
        kit("OCI", ["Runtime", "COpenSSL"]),
        kit("SQL", ["Runtime", logging]),
        kit("SQLiteDriver", ["SQL", "Runtime", logging, grdb, grdbSQLite]),
        kit("PostgresDriver", ["SQL", "Runtime", logging, "CPostgres"]),
        kit("Redis", ["Runtime", logging, "CHiredis", "COpenSSL"]),
        kit("WebRequests", ["Runtime", logging, "CCurl"]),
        kit("AWS", ["Runtime", "WebRequests", crypto]),
        kit("ObjectStorage", ["Runtime", "AWS", logging, nioCore, nioPosix]),
        kit("Archive", ["Runtime", "CArchive"]),
        kit("Gzip", ["CZlib"]),
        kit("YAML", ["Runtime", "CYAML"]),
        kit("Secrets", ["Runtime", crypto, cryptoExtras, nioPosix, "CCrypt"]),
        kit("Telemetry", ["Runtime", logging, metrics]),
        kit("ServerTLS", ["Runtime", logging, nioSSL, nioCertificates, lifecycle, lifecycleSignals]),
        // Middle floor
        .target(name: "Domain", dependencies: ["OCI"], swiftSettings: strict),
        .target(
            name: "BuildProtocol", dependencies: ["Domain", "OCI", protobuf, grpcCore, grpcProtobuf],
            exclude: ["buildman.proto"], swiftSettings: strict),
        .target(
            name: "RegistryCore",
            dependencies: [
                "Domain", "OCI", "Runtime", "SQL", "Redis", "ObjectStorage", "WebRequests", "Secrets", "YAML",
                "Archive", "Gzip",
                logging, metrics, nioCore, nioPosix, crypto, cryptoExtras, jwtKit,
            ], swiftSettings: strict),
        // Top floor: the three programs
        .executableTarget(
            name: "RegistryLite",
            dependencies: [
                "RegistryCore", "Domain", "OCI", "Runtime", "SQL", "ObjectStorage", "YAML", "SQLiteDriver",
                "PostgresDriver",
                "Telemetry", "ServerTLS", "Redis", "WebRequests", "Secrets", logging, metrics, hummingbird,
                hummingbirdCore,
                hummingbirdTLS, hummingbirdHTTP2, httpTypes,
                nioCore, nioPosix, nioHTTP1, nioHTTP2, nioSSL, nioHTTPTypes, nioHTTPTypesHTTP1, nioHTTPTypesHTTP2,
                crypto, jwtKit, mustache,
                lifecycle, lifecycleSignals, arguments,
            ], exclude: ["Resources"], swiftSettings: strict),
        .executableTarget(
            name: "Buildman",
            dependencies: [
                "RegistryCore", "Domain", "OCI", "Runtime", "SQL", "ObjectStorage", "YAML", "BuildProtocol",
                "SQLiteDriver", "PostgresDriver", "Telemetry", "ServerTLS", "AWS",
                "Redis", "WebRequests", "Secrets", logging, metrics, grpcCore, grpcTransport, grpcProtobuf, nioCore,
                nioPosix, nioHTTP1, nioSSL, jwtKit,
                subprocess, lifecycle, lifecycleSignals, arguments,
            ], swiftSettings: strict),
        .executableTarget(
            name: "BuilderAgent",
            dependencies: [
                "Domain", "BuildProtocol", "OCI", "Archive", "WebRequests", "Runtime", "Telemetry", logging, grpcCore,
                grpcTransport,
                grpcProtobuf, subprocess, lifecycle, lifecycleSignals,
            ], swiftSettings: strict),
        // Beside the product: plays the agents of a farm under load (bench/farm.py); no package holds it
        .executableTarget(
            name: "FarmLoad",
            dependencies: [
                "BuildProtocol", "Runtime", logging, grpcCore, grpcTransport, grpcProtobuf, nioCore, nioPosix,
            ],
            path: "bench/FarmLoad", swiftSettings: strict),
        // Tests
        .target(
            name: "TestSupport",
            dependencies: [
                "Runtime", "SQL", "SQLiteDriver", "PostgresDriver", "CPostgres", "ObjectStorage", "WebRequests",
                logging,
            ],
            path: "Tests/Support",
            exclude: [
                "s3_server.py", "ec2_server.py", "aws_gate.py", "kubernetes_server.py", "kubernetes_cluster.py",
                "tcp_proxy.py",
            ],
            swiftSettings: strict),
        kitTests("Runtime"), kitTests("OCI"), kitTests("SQL", ["SQLiteDriver", "PostgresDriver"]),
        kitTests("Redis", ["Runtime", logging]),
        kitTests("WebRequests"), kitTests("AWS", ["WebRequests", "Runtime", "ObjectStorage"]),
        kitTests("ObjectStorage", [nioCore, logging, "AWS"]), kitTests("Archive"), kitTests("Gzip"), kitTests("YAML"),
        kitTests("Secrets"), kitTests("Telemetry"), kitTests("ServerTLS", [nioSSL]),
        tests("Domain", ["Domain", "OCI"]),
        tests("BuildProtocol", ["BuildProtocol", "Domain", "OCI", protobuf]),
        tests(
            "RegistryCore",
            [
                "RegistryCore", "Domain", "OCI", "SQL", "ObjectStorage", "YAML", "Runtime", "Secrets", "Archive",
                "WebRequests", "Redis", "Gzip", logging, nioCore, crypto, jwtKit,
            ]),
        tests(
            "RegistryLite",
            [
                "RegistryLite", "RegistryCore", "Domain", "OCI", "WebRequests", "SQL", "ObjectStorage", "Runtime",
                "Secrets", "Telemetry", "ServerTLS", logging, hummingbird, hummingbirdCore, httpTypes, nioCore,
                nioEmbedded,
            ]),
        tests(
            "Buildman",
            [
                "Buildman", "RegistryCore", "Domain", "BuildProtocol", "SQL", "ObjectStorage", "Secrets", "Runtime",
                "AWS", "WebRequests", "YAML", "Redis", "Telemetry", logging, grpcCore, grpcTransport, grpcProtobuf,
                lifecycle, crypto,
            ]),
        tests(
            "BuilderAgent",
            [
                "BuilderAgent", "BuildProtocol", "Domain", "OCI", "Archive", "Runtime", "WebRequests", logging,
                grpcCore,
                grpcTransport,
            ]),
        tests("Architecture", []),
        tests("EndToEnd", ["OCI", "WebRequests", subprocess]),
    ]
)
