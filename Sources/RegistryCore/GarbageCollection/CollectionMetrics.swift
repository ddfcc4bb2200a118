package import Metrics

/// What garbage collection has done since the program started. The first names are Quay's.
package struct CollectionMetrics: Sendable {
    /// What each metric means, for the text format.
    package static let help = [
        "quay_gc_iterations_total": "Passes of the collector",
        "quay_gc_table_rows_deleted_total": "Rows that the collector removed, by table",
        "quay_gc_storage_blobs_deleted_total": "Blobs that were freed",
        "quay_gc_repos_purged_total": "Deleted repositories whose content is gone",
        "quay_gc_namespaces_purged_total": "Deleted namespaces whose content is gone",
        "registry_gc_freed_bytes_total": "Bytes of the blobs that were freed",
        "registry_gc_duration_seconds": "How long a pass took",
    ]

    let factory: any MetricsFactory

    package init(factory: any MetricsFactory) { self.factory = factory }

    func freed(_ blobs: FreedBlobs) {
        guard blobs.count > 0 else { return }
        count("quay_gc_storage_blobs_deleted_total", blobs.count)
        Counter(label: "registry_gc_freed_bytes_total", factory: factory).increment(by: blobs.bytes)
        rows("blob", blobs.count)
    }

    func rows(_ table: String, _ number: Int) {
        count("quay_gc_table_rows_deleted_total", number, dimensions: [("table", table)])
    }

    func passed(in duration: Duration) {
        count("quay_gc_iterations_total", 1)
        Timer(label: "registry_gc_duration_seconds", factory: factory).record(duration: duration)
    }

    func purgedRepository() { count("quay_gc_repos_purged_total", 1) }
    func purgedNamespace() { count("quay_gc_namespaces_purged_total", 1) }

    private func count(_ label: String, _ number: Int, dimensions: [(String, String)] = []) {
        guard number > 0 else { return }
        Counter(label: label, dimensions: dimensions, factory: factory).increment(by: number)
    }
}
