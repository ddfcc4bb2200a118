package import struct Foundation.UUID

/// New identifiers: the only source of UUIDs in the product.
package struct Identifiers: Sendable {
    private let make: @Sendable () -> UUID

    package init(_ make: @escaping @Sendable () -> UUID) { self.make = make }

    package static let system = Identifiers { UUID() }

    /// A fresh version 4 UUID in lower case, as it stands in URLs and in the database.
    package func uuid() -> String { make().uuidString.lowercased() }
}
