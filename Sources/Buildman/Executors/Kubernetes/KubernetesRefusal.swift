import WebRequests

/// An answer of the API that says no, with a sentence that tells a person what to do about it.
struct KubernetesRefusal: Error, Sendable, CustomStringConvertible {
    let status: Int
    let description: String

    /// - Parameters:
    ///   - verb: the right that the request needs, in RBAC's word: `create`, `list`, …
    ///   - server: where the API is, for messages.
    init(
        status: Int, body: KubernetesStatus?, verb: String, resource: KubernetesResource, namespace: String,
        server: String
    ) {
        self.status = status
        let words = (body?.message).map { ": \($0.prefix(500))" } ?? ""
        let kind = resource.group.isEmpty ? resource.plural : "\(resource.plural).\(resource.group)"
        switch status {
        case 401:
            description =
                "The Kubernetes API at \(server) does not accept our credentials (401): renew SERVICE_ACCOUNT_TOKEN, or "
                + "what K8S_API_TLS_CERT names\(words)"
        case 403 where body?.message?.contains("exceeded quota") == true:
            description =
                "The quota of the namespace \(namespace) is used up, so no \(resource.plural) can be made there\(words)"
        case 403 where body?.message?.contains("being terminated") == true:
            description = "The namespace \(namespace) is being deleted\(words)"
        case 403:
            description =
                "Kubernetes forbids the verb \"\(verb)\" on \(kind) in the namespace \(namespace) (403): give the service "
                + "account a Role with it, as k8s/builder-namespace/role.yaml has it\(words)"
        case 404 where body?.details?.kind == "namespaces":
            description =
                "There is no namespace \(namespace) on the cluster at \(server): create it, or set BUILDER_NAMESPACE."
        case 404 where body == nil || body?.details?.name == nil:
            description =
                "The server at \(server) knows no \(kind) (404): is K8S_API_SERVER the API of a Kubernetes cluster?\(words)"
        case 422:
            description = "Kubernetes finds the \(resource.plural) that we ask for invalid (422)\(words)"
        case 429, 500...:
            description = "The Kubernetes API at \(server) can't answer now (\(status))\(words)"
        default:
            description = "The Kubernetes API at \(server) refused to \(verb) \(kind) (\(status))\(words)"
        }
    }
}

/// A request to the API that got no answer, with a sentence for a person.
struct KubernetesSilence: Error, Sendable, CustomStringConvertible {
    let description: String
    /// It may have been performed all the same.
    let mayHaveTakenEffect: Bool

    init(_ error: WebError, server: String) {
        let hint =
            switch error {
            case .tls: " Set K8S_API_TLS_CA to the authority of the cluster's certificate."
            case .unresolved, .unreachable: " Check K8S_API_SERVER."
            default: ""
            }
        description = "The Kubernetes API at \(server) can't be reached: \(error)\(hint)"
        mayHaveTakenEffect =
            switch error {
            case .invalidRequest, .refused, .unresolved, .unreachable, .tls, .timedOut(_, .connecting): false
            default: true
            }
    }
}
