import AWS
package import Logging
package import Runtime

/// The first look at a bucket.
extension S3Store {
    private static let marker = "registry-storage"

    /// Opens the bucket, marking an empty place as ours.
    ///
    /// Errors: `.foreign` when it holds objects and no marker of ours (nothing is changed then), `.unavailable`, `.failed`:
    /// each with a sentence that says what to do.
    package static func open(
        _ settings: S3Settings, location: String, logger: Logger, randomness: Randomness = .system
    ) async throws -> S3Store {
        let store = S3Store(settings, location: location, logger: logger, randomness: randomness)
        do { try await store.prepare() } catch let error as S3Error { throw store.explained(error) } catch {
            throw translated(error)
        }
        return store
    }

    private func prepare() async throws {
        let marker = prefix + Self.marker
        if try await client.head(marker) != nil { return }
        let names = try await client.list(prefix: prefix, after: nil, limit: 10).objects.map(\.key)
        // Another replica may have been faster.
        if names.contains(marker) { return }
        guard names.isEmpty else {
            throw ObjectStorageError(
                .foreign,
                "The storage location \(location) (\(place)) is not empty and was not made by this registry: "
                    + "give it an empty bucket, or another storage_path.")
        }
        try await client.put(Array("RegistryLite storage, layout 1\n".utf8), as: marker)
    }

    private var place: String { client.endpoint.address + prefix }

    private func explained(_ error: S3Error) -> ObjectStorageError {
        let subject = "The storage location \(location) (\(place))"
        return switch error.kind {
        case .noSuchBucket:
            ObjectStorageError(
                .failed, "\(subject): there is no bucket \(settings.bucket). Create it, or correct its name. \(error)")
        case .denied:
            ObjectStorageError(
                .failed,
                "\(subject) refuses our key: check the access key, the secret key and the region, and that they allow "
                    + "listing, reading, writing and deleting in the bucket. \(error)")
        case .unavailable:
            ObjectStorageError(
                .unavailable,
                "\(subject) does not answer: check host, port and is_secure, and that the service runs. \(error)")
        default: ObjectStorageError(.failed, "\(subject) can't be used. \(error)")
        }
    }
}
