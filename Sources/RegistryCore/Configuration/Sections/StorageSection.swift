import YAML

/// Where blobs and archives are.
package struct StorageSection: Sendable {
    package enum Engine: Sendable, Hashable {
        /// A folder of this machine.
        case local(path: String)
        case s3(S3Bucket)
    }

    /// A bucket of AWS or of something that speaks its protocol.
    package struct S3Bucket: Sendable, Hashable {
        package let bucket: String
        /// Prefix of all keys, without slashes around it.
        package let path: String
        /// Nil: credentials come from the machine (instance role, environment).
        package let accessKey: String?
        package let secretKey: String?
        package let region: String?
        /// Host and port of the service; nil: AWS.
        package let host: String?
        package let port: Int?
        package let usesTLS: Bool
        /// Whether the bucket stands in the path (`host/bucket/…`) rather than in the host name.
        package let usesPathStyle: Bool
    }

    package struct Location: Sendable, Hashable {
        /// The key under DISTRIBUTED_STORAGE_CONFIG.
        package let name: String
        package let engine: Engine
    }

    /// At least one, in the order of the file.
    package let locations: [Location]
    /// DISTRIBUTED_STORAGE_PREFERENCE: names, the first is written to.
    package let preference: [String]
    package let defaultLocations: [String]
    /// USERFILES_LOCATION, USERFILES_PATH: build archives.
    package let userfilesLocation: String
    package let userfilesPath: String
    /// LOG_ARCHIVE_LOCATION, LOG_ARCHIVE_PATH: logs of ended builds.
    package let logArchiveLocation: String
    package let logArchivePath: String
    /// The path as the area of objects' keys.
    package let logArchiveArea: String
    /// LOG_ARCHIVE_FREQUENCY (own key): how often logs that are due are looked for.
    package let logArchivePeriod: Duration

    /// The location that new blobs are written to.
    package var preferred: Location { inPreference[0] }

    /// Every location: those of the preference first, as it has them, then the others in the order of the file.
    package var inPreference: [Location] {
        let named = preference.compactMap { name in locations.first { $0.name == name } }
        return named + locations.filter { !preference.contains($0.name) }
    }

    /// The folder of the first local location; nil if all are buckets.
    package var localPath: String? {
        locations.lazy.compactMap { if case .local(let path) = $0.engine { path } else { nil } }.first
    }
}

extension StorageSection {
    init(_ reader: SectionReader, dataDirectory: String) {
        let standard = Location(name: "local_us", engine: .local(path: dataDirectory + "/storage"))
        let read = Self.locations(reader)
        locations = read.isEmpty ? [standard] : read
        let names = locations.map(\.name)
        let written = Self.names("DISTRIBUTED_STORAGE_PREFERENCE", reader, names)
        preference = written.isEmpty ? [names[0]] : written
        let defaults = Self.names("DISTRIBUTED_STORAGE_DEFAULT_LOCATIONS", reader, names)
        defaultLocations = defaults.isEmpty ? [preference[0]] : defaults
        userfilesLocation = Self.name("USERFILES_LOCATION", reader, names) ?? preference[0]
        userfilesPath = reader.text("USERFILES_PATH", default: "userfiles/")
        logArchiveLocation = Self.name("LOG_ARCHIVE_LOCATION", reader, names) ?? preference[0]
        logArchivePath = reader.text("LOG_ARCHIVE_PATH", default: "logarchive/")
        logArchiveArea = Self.area(logArchivePath, "LOG_ARCHIVE_PATH", reader)
        logArchivePeriod = reader.seconds("LOG_ARCHIVE_FREQUENCY", default: 30, atLeast: 0.1)
    }

    /// A path of our storage is one folder, which no other kind of object has.
    private static func area(_ path: String, _ key: String, _ reader: SectionReader) -> String {
        let name = path.split(separator: "/").joined(separator: "/")
        let isFolder = !name.isEmpty && name.utf8.allSatisfy { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) }
        if isFolder, !["blobs", "userfiles", "uploads"].contains(name) { return name }
        reader.problem(
            key, "Expected the name of one folder, in lower-case letters, that is not blobs, userfiles or uploads.")
        return "logarchive"
    }

    private static func names(_ key: String, _ reader: SectionReader, _ known: [String]) -> [String] {
        reader.texts(key).enumerated().filter { check($1, "\(key)[\($0)]", reader, known) }.map(\.element)
    }

    private static func name(_ key: String, _ reader: SectionReader, _ known: [String]) -> String? {
        reader.nonEmptyText(key).flatMap { check($0, key, reader, known) ? $0 : nil }
    }

    private static func check(_ name: String, _ key: String, _ reader: SectionReader, _ known: [String]) -> Bool {
        if known.contains(name) { return true }
        let list = known.joined(separator: ", ")
        reader.problem(key, "\"\(name.prefix(60))\" is no location of DISTRIBUTED_STORAGE_CONFIG (\(list)).")
        return false
    }

    private static func locations(_ reader: SectionReader) -> [Location] {
        guard let section = reader.section("DISTRIBUTED_STORAGE_CONFIG") else { return [] }
        if section.mapping.entries.isEmpty {
            reader.problem("DISTRIBUTED_STORAGE_CONFIG", "At least one location is needed.")
        }
        return section.mapping.entries.compactMap { entry in
            let items = section.node(entry.key)?.sequence ?? []
            guard items.count == 2, let kind = items[0].scalar?.text,
                let parameters = section.section(items[1], section.place(of: entry.key) + "[1]")
            else {
                section.problem(
                    entry.key,
                    "Expected a list of the engine's name and its parameters, such as [LocalStorage, {storage_path: /data}]."
                )
                return nil
            }
            return engine(kind, entry.key, section, parameters).map { Location(name: entry.key, engine: $0) }
        }
    }

    private static func engine(_ kind: String, _ key: String, _ section: SectionReader, _ parameters: SectionReader)
        -> Engine?
    {
        switch kind {
        case "LocalStorage":
            let path = parameters.nonEmptyText("storage_path")
            if path == nil { parameters.missing("storage_path", "the folder of the blobs") }
            parameters.finish()
            return path.map { .local(path: $0) }
        case "S3Storage":
            return bucket(
                parameters, keys: ("s3_bucket", "s3_access_key", "s3_secret_key"), hostKey: "host", isAWS: true)
        case "RadosGWStorage", "RHOCSStorage", "IBMCloudStorage":
            return bucket(
                parameters, keys: ("bucket_name", "access_key", "secret_key"), hostKey: "hostname", isAWS: false)
        case "CloudFrontedS3Storage", "CloudFlareStorage":
            section.problem(
                key,
                "\(kind) is not supported: write S3Storage with the same bucket, and clients fetch blobs from the bucket itself."
            )
            return nil
        default:
            let known = ["LocalStorage", "S3Storage", "RadosGWStorage", "RHOCSStorage", "IBMCloudStorage"]
            let hint = Spelling.suggestion(for: kind, among: known).map { "; did you mean \($0)?" } ?? ""
            section.problem(
                key,
                "The engine \"\(kind.prefix(60))\" is not supported: use one of \(known.joined(separator: ", "))\(hint)."
            )
            return nil
        }
    }

    private static func bucket(
        _ reader: SectionReader, keys: (bucket: String, access: String, secret: String), hostKey: String, isAWS: Bool
    ) -> Engine? {
        let name = reader.nonEmptyText(keys.bucket)
        if name == nil { reader.missing(keys.bucket, "the bucket of the blobs") }
        let access = reader.nonEmptyText(keys.access)
        let secret = reader.nonEmptyText(keys.secret)
        if (access == nil) != (secret == nil) {
            reader.missing(
                access == nil ? keys.access : keys.secret, "\(keys.access) and \(keys.secret) belong together")
        }
        let host = reader.nonEmptyText(hostKey)
        if host == nil, !isAWS { reader.missing(hostKey, "the host of the storage service") }
        let usesTLS = reader.bool("is_secure", default: true)
        let path = reader.text("storage_path", default: "").split(separator: "/").joined(separator: "/")
        let port = reader.integer("port", in: 1...65_535)
        let region = reader.nonEmptyText("s3_region") ?? reader.nonEmptyText("region")
        let pathStyle = reader.bool("path_style", default: host != nil)
        reader.finish(ignoring: [
            "maximum_chunk_size_mb", "minimum_chunk_size_mb", "server_side_assembly", "maximum_chunk_size_gb",
            "signature_version",
        ])
        guard let name else { return nil }
        return .s3(
            S3Bucket(
                bucket: name, path: path, accessKey: access, secretKey: secret, region: region, host: host, port: port,
                usesTLS: usesTLS, usesPathStyle: pathStyle))
    }
}
