import Foundation
import Logging
import ObjectStorage
import RegistryCore

/// Opens what DISTRIBUTED_STORAGE_CONFIG names.
extension Settings {
    /// Every location, the one that is written to first. Each must be ours, or empty, before anything is changed elsewhere.
    /// Errors: `ObjectStorageError` with a sentence that says what to do.
    func openLocations(
        logger: Logger, environment: [String: String] = ProcessInfo.processInfo.environment
    ) async throws -> ObjectLocations {
        let storage = configuration.storage
        var stores: [any ObjectStore] = []
        for location in storage.inPreference {
            switch location.engine {
            case .local(let path): stores.append(try await LocalDiskStore.open(path, location: location.name))
            case .s3(let bucket):
                stores.append(
                    try await S3Store.open(s3(bucket, environment), location: location.name, logger: logger))
            }
        }
        return ObjectLocations(stores[0], others: Array(stores.dropFirst()))
    }

    private func s3(_ bucket: StorageSection.S3Bucket, _ environment: [String: String]) -> S3Settings {
        var keys: S3Settings.Keys?
        if let id = bucket.accessKey, let secret = bucket.secretKey { keys = .init(id: id, secret: secret) }
        var settings = S3Settings(bucket: bucket.bucket, prefix: bucket.path, keys: keys)
        settings.region = bucket.region
        settings.host = bucket.host
        settings.port = bucket.port
        settings.usesTLS = bucket.usesTLS
        settings.usesPathStyle = bucket.usesPathStyle
        settings.authorities = configuration.server.extraAuthorityFiles
        settings.environment = environment
        return settings
    }
}
