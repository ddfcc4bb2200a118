/// The Job that the API is asked for, as JSON wants it. A key that is nil is left out.
struct JobResource: Encodable, Sendable {
    struct Metadata: Encodable, Sendable {
        var name: String?
        var namespace: String?
        var labels: [String: String]?
        var ownerReferences: [OwnerReference]?
    }

    /// Without `blockOwnerDeletion`, which would need rights on the owner's finalizers.
    struct OwnerReference: Encodable, Sendable {
        let apiVersion = "batch/v1"
        let kind = "Job"
        let name: String
        let uid: String
        let controller = false
    }

    struct Spec: Encodable, Sendable {
        let activeDeadlineSeconds: Int
        let ttlSecondsAfterFinished: Int
        /// A pod that ends is never replaced: its registration token is used up. Another try is another attempt.
        let backoffLimit = 0
        let template: Template
    }

    struct Template: Encodable, Sendable {
        let metadata: Metadata
        let spec: PodSpec
    }

    struct PodSpec: Encodable, Sendable {
        let imagePullSecrets: [Reference]
        let restartPolicy = "Never"
        let dnsPolicy: String
        let automountServiceAccountToken = false
        let enableServiceLinks = false
        /// The old and the new word for the same.
        let serviceAccount: String?
        let serviceAccountName: String?
        let nodeSelector: [String: String]?
        let volumes: [Volume]?
        let containers: [Container]
    }

    struct Reference: Encodable, Sendable { let name: String }

    struct Container: Encodable, Sendable {
        let name = "builder"
        let image: String
        let imagePullPolicy: String
        let securityContext: SecurityContext
        let env: [Variable]
        let resources: Resources
        let volumeMounts: [Mount]?
        /// What a container that fails has printed last stands in its status, for whoever looks for the reason.
        let terminationMessagePolicy = "FallbackToLogsOnError"
    }

    struct SecurityContext: Encodable, Sendable {
        struct Capabilities: Encodable, Sendable { let add: [String] }
        let privileged: Bool
        var allowPrivilegeEscalation: Bool?
        var capabilities: Capabilities?
    }

    struct Variable: Encodable, Sendable {
        struct Source: Encodable, Sendable { let secretKeyRef: SecretKey }
        struct SecretKey: Encodable, Sendable {
            let name: String
            let key: String
        }

        let name: String
        var value: String?
        var valueFrom: Source?
    }

    struct Resources: Encodable, Sendable {
        let requests: [String: String]
        let limits: [String: String]?
    }

    struct Volume: Encodable, Sendable {
        struct Empty: Encodable, Sendable { var sizeLimit: String? }
        struct Item: Encodable, Sendable {
            let key: String
            let path: String
        }
        struct SecretSource: Encodable, Sendable {
            let secretName: String
            let items: [Item]
        }

        let name: String
        var emptyDir: Empty?
        var secret: SecretSource?
    }

    struct Mount: Encodable, Sendable {
        let name: String
        let mountPath: String
        var readOnly: Bool?
    }

    let apiVersion = "batch/v1"
    let kind = "Job"
    let metadata: Metadata
    let spec: Spec
}

/// The Secret that the API is asked for. It goes with the Job that owns it.
struct SecretResource: Encodable, Sendable {
    let apiVersion = "v1"
    let kind = "Secret"
    let metadata: JobResource.Metadata
    let type = "Opaque"
    let immutable = true
    /// In Base64.
    let data: [String: String]
}
