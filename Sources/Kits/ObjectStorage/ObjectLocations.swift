/// The locations of a registry: one is written to, each is read from.
package struct ObjectLocations: Sendable {
    /// In the order of preference; the first takes what is new.
    package let stores: [any ObjectStore]

    /// - Parameter others: what is read when the row says so, most preferred first.
    package init(_ preferred: any ObjectStore, others: [any ObjectStore] = []) { stores = [preferred] + others }

    package var preferred: any ObjectStore { stores[0] }

    /// The location of that name; nil when the configuration names it no more.
    package func store(at location: String) -> (any ObjectStore)? { stores.first { $0.location == location } }

    /// The more preferred, the smaller; locations that are not configured come last.
    package func rank(of location: String) -> Int {
        stores.firstIndex { $0.location == location } ?? stores.count
    }
}
