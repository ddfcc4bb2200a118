package import Foundation

/// A machine of EC2, as it says it is.
package struct EC2Instance: Sendable, Hashable {
    package enum State: String, Sendable {
        case pending, running, stopping, stopped, terminated
        case shuttingDown = "shutting-down"

        /// It runs no more, or soon won't: nothing brings it back by itself.
        package var isOver: Bool { self != .pending && self != .running }

        /// It is gone, or on its way.
        package var isEnding: Bool { self == .shuttingDown || self == .terminated }
    }

    package let id: String
    package let state: State
    /// Why the state changed last, for a person; empty when nobody knows.
    package let reason: String
    package let launchedAt: Date
    package let tags: [String: String]
}

/// An image that instances start from.
package struct EC2Image: Sendable, Hashable {
    package let id: String
    /// The disk that the instance starts from, such as `/dev/xvda`.
    package let rootDevice: String
    /// Such as `x86_64`.
    package let architecture: String
    /// Such as `available`.
    package let state: String
}

/// An instance to be started: one, and for one token one at most.
package struct EC2Launch: Sendable, Hashable {
    package enum Network: Sendable, Hashable {
        /// The account's own for the region.
        case standard
        case subnet(String, hasPublicAddress: Bool)
    }

    package var imageID: String
    package var instanceType: String
    /// At most 64 characters of ASCII: the same launch with the same token starts nothing new.
    package var token: String
    /// At most 16,384 bytes.
    package var userData: [UInt8]
    package var keyName: String?
    package var network: Network = .standard
    package var securityGroupIDs: [String] = []
    package var rootDevice: String
    package var diskGigabytes: Int
    /// Of the instance and of its disk.
    package var tags: [String: String] = [:]

    package init(
        imageID: String, instanceType: String, token: String, userData: [UInt8], rootDevice: String, diskGigabytes: Int
    ) {
        self.imageID = imageID
        self.instanceType = instanceType
        self.token = token
        self.userData = userData
        self.rootDevice = rootDevice
        self.diskGigabytes = diskGigabytes
    }
}
