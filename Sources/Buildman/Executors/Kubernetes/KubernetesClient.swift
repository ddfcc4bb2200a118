import Foundation
import Synchronization
import WebRequests

/// Speaks to one cluster's API about one namespace.
///
/// Every call throws ``KubernetesRefusal`` for an answer that says no, ``KubernetesSilence`` when there is none, and
/// ``ExecutorFailure`` for a token file that can't be read or an answer that makes no sense; besides `CancellationError`.
final class KubernetesClient: Sendable {
    let namespace: String
    private let access: KubernetesAccess
    /// Replaced after a time-out: a connection that leads nowhere would swallow one request after the other.
    private let web: Mutex<WebClient>

    /// How many objects a page of a list has at most.
    private static let pageSize = 500
    /// More would be no answer to what is asked here.
    private static let maximumBodyBytes = 64 * 1_048_576

    init(_ access: KubernetesAccess, namespace: String) {
        self.access = access
        self.namespace = namespace
        web = Mutex(Self.webClient(access))
    }

    /// Where the API is, for messages.
    var server: String { access.url }

    /// Makes an object out of its JSON, and answers what was made of it. A name that is taken already is a refusal (409).
    func create<Object: Decodable>(
        _ json: [UInt8], _ resource: KubernetesResource, as type: Object.Type
    ) async throws -> Object {
        var request = try request(.post, resource.path(in: namespace))
        request.headers["Content-Type"] = "application/json"
        request.body = .bytes(json)
        return try await decoded(send(request, "create", resource), type)
    }

    /// One object; nil when there is none of that name.
    func find<Object: KubernetesObject>(_ name: String, as type: Object.Type) async throws -> Object? {
        let resource = Object.resource
        do {
            let answer = try await send(request(.get, resource.path(in: namespace, name: name)), "get", resource)
            return try decoded(answer, type)
        } catch let refusal as KubernetesRefusal where refusal.status == 404 { return nil }
    }

    /// All objects that a selector chooses, and the version of the whole at which a watch goes on.
    func list<Object: KubernetesObject>(
        _ type: Object.Type, selector: String
    ) async throws -> (objects: [Object], version: String) {
        var objects: [Object] = []
        var next: String?
        while true {
            var query = [("labelSelector", selector), ("limit", "\(Self.pageSize)")]
            if let next { query.append(("continue", next)) }
            let answer = try await send(
                request(.get, Object.resource.path(in: namespace), query), "list", Object.resource)
            let page = try decoded(answer, KubernetesList<Object>.self)
            objects += page.items
            guard let more = page.metadata.continue, !more.isEmpty else {
                return (objects, page.metadata.resourceVersion ?? "")
            }
            next = more
        }
    }

    /// What the cluster noted about one object, the oldest first.
    func events(ofObject uid: String) async throws -> [KubernetesEvent] {
        let query = [("fieldSelector", "involvedObject.uid=\(uid)"), ("limit", "50")]
        let answer = try await send(
            request(.get, KubernetesResource.events.path(in: namespace), query), "list", .events)
        return try decoded(answer, KubernetesList<KubernetesEvent>.self).items
    }

    /// Changes since `version`, as lines of JSON, until the server ends the stream, at most for `duration`.
    func watch(
        _ resource: KubernetesResource, selector: String, from version: String, for duration: Duration,
        silentFor silence: Duration
    ) async throws -> WebBody {
        let seconds = max(1, Int(duration / .seconds(1)))
        var request = try request(
            .get, resource.path(in: namespace),
            [
                ("labelSelector", selector), ("watch", "true"), ("allowWatchBookmarks", "true"),
                ("resourceVersion", version), ("timeoutSeconds", "\(seconds)"),
            ])
        request.timeouts.total = .seconds(seconds) + access.timeout
        request.timeouts.idle = silence
        request.maximumBodyBytes = nil
        let answer: StreamedWebResponse
        do { answer = try await client.stream(request) } catch let error as WebError { throw unanswered(error) }
        guard answer.head.isSuccess else { throw try await refusal(answer.whole(), "watch", resource) }
        return answer.body
    }

    /// Ends an object, and what it owns. False when there is none of that name.
    /// - Parameters:
    ///   - uid: only if the object is this very one.
    ///   - grace: seconds that containers get to end by themselves.
    @discardableResult
    func delete(
        _ resource: KubernetesResource, _ name: String, uid: String? = nil, grace: Int? = nil
    ) async throws -> Bool {
        var options = DeleteOptions(gracePeriodSeconds: grace)
        if let uid { options.preconditions = .init(uid: uid) }
        do {
            _ = try await send(try deletion(resource.path(in: namespace, name: name), [], options), "delete", resource)
            return true
        } catch let refusal as KubernetesRefusal where refusal.status == 404 { return false }
    }

    /// Ends every object that a selector chooses.
    func deleteAll(_ resource: KubernetesResource, selector: String, grace: Int) async throws {
        let path = resource.path(in: namespace)
        let options = DeleteOptions(gracePeriodSeconds: grace)
        _ = try await send(
            try deletion(path, [("labelSelector", selector)], options), "deletecollection", resource)
    }

    private struct DeleteOptions: Encodable {
        struct Preconditions: Encodable { let uid: String }
        let apiVersion = "v1"
        let kind = "DeleteOptions"
        // The owner goes at once, what it owns is ended after it.
        let propagationPolicy = "Background"
        var gracePeriodSeconds: Int?
        var preconditions: Preconditions?
    }

    private func deletion(
        _ path: String, _ query: [(String, String)], _ options: DeleteOptions
    ) throws -> WebRequest {
        var request = try request(.delete, path, query)
        request.headers["Content-Type"] = "application/json"
        request.body = .bytes(Array(try JSONEncoder().encode(options)))
        return request
    }

    private func request(
        _ method: WebRequest.Method, _ path: String, _ query: [(String, String)] = []
    ) throws(ExecutorFailure) -> WebRequest {
        let pairs = query.map { "\(Self.escaped($0.0))=\(Self.escaped($0.1))" }.joined(separator: "&")
        var request = WebRequest(method, access.url + path + (pairs.isEmpty ? "" : "?\(pairs)"))
        request.headers["Accept"] = "application/json"
        if let token = try access.bearerToken() { request.authorize(bearer: token) }
        request.timeouts = .init(
            total: access.timeout, connect: min(access.timeout, .seconds(10)), idle: access.timeout)
        request.redirects = .none
        request.maximumBodyBytes = Self.maximumBodyBytes
        return request
    }

    private func send(
        _ request: WebRequest, _ verb: String, _ resource: KubernetesResource
    ) async throws -> WebResponse {
        let answer: WebResponse
        do { answer = try await client.send(request) } catch let error as WebError { throw unanswered(error) }
        guard answer.head.isSuccess else { throw refusal(answer, verb, resource) }
        return answer
    }

    private func refusal(_ answer: WebResponse, _ verb: String, _ resource: KubernetesResource) -> KubernetesRefusal {
        let body = try? JSONDecoder().decode(KubernetesStatus.self, from: Data(answer.body))
        return KubernetesRefusal(
            status: answer.status, body: body, verb: verb, resource: resource, namespace: namespace, server: server)
    }

    private func decoded<Value: Decodable>(_ answer: WebResponse, _ type: Value.Type) throws -> Value {
        do { return try JSONDecoder().decode(type, from: Data(answer.body)) } catch {
            throw ExecutorFailure(
                "The server at \(server) answers something that is not of the Kubernetes API: is K8S_API_SERVER right?")
        }
    }

    private func unanswered(_ error: WebError) -> KubernetesSilence {
        if case .timedOut = error { web.withLock { $0 = Self.webClient(access) } }
        return KubernetesSilence(error, server: server)
    }

    private var client: WebClient { web.withLock { $0 } }

    private static func webClient(_ access: KubernetesAccess) -> WebClient {
        WebClient(addresses: .any, trust: access.trust, userAgent: "buildman")
    }

    private static func escaped(_ text: String) -> String {
        text.addingPercentEncoding(
            withAllowedCharacters: CharacterSet(
                charactersIn: "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~")) ?? text
    }
}
