import Foundation

/// An object of the API that is listed and watched.
protocol KubernetesObject: Decodable, Sendable {
    var metadata: KubernetesMetadata { get }
    /// `jobs`, `pods`: as paths and rights name it.
    static var resource: KubernetesResource { get }
}

/// A kind of object: its place in the API.
struct KubernetesResource: Sendable, Hashable {
    /// Empty for the core.
    let group: String
    /// In the plural: the word of paths and of rights.
    let plural: String

    static let jobs = KubernetesResource(group: "batch", plural: "jobs")
    static let pods = KubernetesResource(group: "", plural: "pods")
    static let secrets = KubernetesResource(group: "", plural: "secrets")
    static let events = KubernetesResource(group: "", plural: "events")

    /// The path of all objects of this kind in a namespace, or of one.
    func path(in namespace: String, name: String? = nil) -> String {
        let root = group.isEmpty ? "/api/v1" : "/apis/\(group)/v1"
        return "\(root)/namespaces/\(namespace)/\(plural)" + (name.map { "/\($0)" } ?? "")
    }
}

struct KubernetesMetadata: Decodable, Sendable, Hashable {
    struct Owner: Decodable, Sendable, Hashable { let uid: String }

    var name: String?
    var uid: String?
    var resourceVersion: String?
    var labels: [String: String]?
    /// RFC 3339. Set while an object waits for its end.
    var deletionTimestamp: String?
    var ownerReferences: [Owner]?
}

/// What a Job says of itself, as far as it matters here.
struct KubernetesJob: KubernetesObject, Hashable {
    struct Condition: Decodable, Sendable, Hashable {
        let type: String
        let status: String
        var reason: String?
        var message: String?
    }
    struct Status: Decodable, Sendable, Hashable {
        var conditions: [Condition]?
    }

    let metadata: KubernetesMetadata
    var status: Status?

    static let resource = KubernetesResource.jobs

    /// The condition that says that the Job is over; nil while it isn't.
    var end: Condition? {
        status?.conditions?.first { ["Complete", "Failed"].contains($0.type) && $0.status == "True" }
    }
}

/// What a pod says of itself, as far as it matters here.
struct KubernetesPod: KubernetesObject, Hashable {
    struct ContainerState: Decodable, Sendable, Hashable {
        struct Waiting: Decodable, Sendable, Hashable {
            var reason: String?
            var message: String?
        }
        struct Terminated: Decodable, Sendable, Hashable {
            var reason: String?
            var message: String?
            var exitCode: Int?
        }
        struct Running: Decodable, Sendable, Hashable {}

        var waiting: Waiting?
        var running: Running?
        var terminated: Terminated?
    }
    struct ContainerStatus: Decodable, Sendable, Hashable {
        var image: String?
        var state: ContainerState?
    }
    struct Status: Decodable, Sendable, Hashable {
        var phase: String?
        var reason: String?
        var message: String?
        var conditions: [KubernetesJob.Condition]?
        var containerStatuses: [ContainerStatus]?
    }

    let metadata: KubernetesMetadata
    var status: Status?

    static let resource = KubernetesResource.pods

    var isOver: Bool { ["Succeeded", "Failed"].contains(status?.phase) }
}

/// Something that a part of the cluster noted about an object.
struct KubernetesEvent: Decodable, Sendable, Hashable {
    var type: String?
    var reason: String?
    var message: String?
}

/// One page of objects.
struct KubernetesList<Item: Decodable & Sendable>: Decodable, Sendable {
    struct Metadata: Decodable, Sendable {
        var resourceVersion: String?
        /// Where the next page begins; empty or nil on the last one.
        var `continue`: String?
    }

    let metadata: Metadata
    let items: [Item]
}

/// The API's own words about a request that it refused.
struct KubernetesStatus: Decodable, Sendable, Hashable {
    struct Details: Decodable, Sendable, Hashable {
        var name: String?
        var kind: String?
    }

    var message: String?
    var reason: String?
    var code: Int?
    var details: Details?
}
