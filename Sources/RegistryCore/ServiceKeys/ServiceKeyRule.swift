package import Foundation

/// How the keys of one service are named and replaced; times in seconds.
package struct ServiceKeyRule: Sendable, Hashable {
    /// The service's name: the issuer of its tokens. INSTANCE_SERVICE_KEY_SERVICE.
    package var service: String
    /// How long a key signs at most. INSTANCE_SERVICE_KEY_EXPIRATION.
    package var signingTime: TimeInterval = 120 * 60
    /// The age at which the next key is made. INSTANCE_SERVICE_KEY_REFRESH.
    package var refreshTime: TimeInterval = 55 * 60

    package init(service: String = "quay") { self.service = service }
}
