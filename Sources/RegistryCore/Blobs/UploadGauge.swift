import Logging
package import Metrics
import SQL

/// How many uploads of blobs are open, in the whole registry.
package struct UploadGauge: Sendable {
    /// What the gauge means, for the text format.
    package static let help = ["quay_blob_uploads_open": "Uploads of blobs that were begun and have not ended"]

    private let platform: Platform
    private let factory: any MetricsFactory

    package init(platform: Platform, factory: any MetricsFactory) {
        self.platform = platform
        self.factory = factory
    }

    /// Counts in the database. Where that fails, the gauge becomes NaN: an old number would look like a new one.
    package func measure() async {
        var count = Double.nan
        do { count = Double(try await platform.database.read { try BlobUploadStore.count(in: $0) }) } catch {
            platform.logger.error("The open uploads could not be counted: \(error)")
        }
        Gauge(label: "quay_blob_uploads_open", factory: factory).record(count)
    }
}
