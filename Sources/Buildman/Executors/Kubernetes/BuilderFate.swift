import RegistryCore

/// What a builder's Job and pods tell about it: whether it is on its way, stuck or over, in words for a person. Pure.
enum BuilderFate: Sendable, Hashable {
    /// Starting or running, and nothing speaks against it.
    case underWay
    /// Does not start. What keeps it may pass, or the cluster's events say more.
    case stuck(Obstacle)
    /// - Parameter printed: what its container said last; for the log only.
    case over(String, printed: String? = nil)

    struct Obstacle: Sendable, Hashable {
        enum Kind: Sendable, Hashable {
            /// The Job has no pod.
            case noPod
            /// No node takes the pod. When nodes are full, that changes with every pod that ends.
            case unschedulable(nodesAreFull: Bool)
            /// The image could not be pulled; the kubelet would try again.
            case image
            /// The container could not be made; the kubelet would try again.
            case container
            /// It is over, and what comes next may say why: pods, Jobs and their ends are told by different streams.
            case unexplained
        }

        let kind: Kind
        /// Completes “The builder ended before the build did: …”.
        let sentence: String
    }

    /// The configuration's values that sentences name.
    struct Names: Sendable, Hashable {
        var imageKey: String
        var pullSecret: String
        var memoryLimit: String?
        /// VM_MEMORY_LIMIT; nil without a machine.
        var machineMemory: String?
        var maximumJobTime: String
        var nodeSelector: String?

        init(_ settings: KubernetesSettings) {
            switch settings.pod {
            case .virtualMachine(_, let memory):
                imageKey = "BUILDER_VM_CONTAINER_IMAGE"
                machineMemory = memory
            case .agent: imageKey = "BUILDER_CONTAINER_IMAGE"
            }
            pullSecret = settings.pullSecretName
            memoryLimit = settings.memoryLimit
            maximumJobTime = "\(Int(settings.maximumJobTime.inSeconds)) s"
            let value = settings.nodeSelectorValue
            nodeSelector = value.isEmpty ? nil : "\(settings.nodeSelectorKey)=\(value)"
        }
    }

    /// - Parameter pods: those of the Job, in any order.
    init(job: KubernetesJob, pods: [KubernetesPod], _ names: Names) {
        if job.metadata.deletionTimestamp != nil {
            self = .over("its Job was deleted by somebody else")
            return
        }
        let pod = pods.first
        if let end = job.end, end.reason == "DeadlineExceeded" {
            self = .over("its Job ran longer than MAXIMUM_JOB_TIME (\(names.maximumJobTime)) allows (DeadlineExceeded)")
        } else if let pod, pod.isOver {
            self = Self.over(pod, names)
        } else if let end = job.end {
            let words = [end.reason, end.message].compactMap { $0 }.joined(separator: ": ")
            let sentence = end.type == "Complete" ? "its pod ended" : "its Job failed (\(words))"
            self = .stuck(.init(kind: .unexplained, sentence: sentence))
        } else if pods.count > 1 {
            self = .over("its pod was lost and replaced, and the new one may not register")
        } else if let pod {
            self = Self.starting(pod, names)
        } else {
            self = .stuck(.init(kind: .noPod, sentence: "its Job got no pod"))
        }
    }

    /// The cause, such as a deadline of the Job, is often told after the pod has gone.
    static let podIsGone = BuilderFate.stuck(
        .init(
            kind: .unexplained,
            sentence: "its pod was deleted: by a person, or because its node is emptied or short of something"))

    private static func over(_ pod: KubernetesPod, _ names: Names) -> BuilderFate {
        let status = pod.status
        let end = status?.containerStatuses?.lazy.compactMap { $0.state?.terminated }.first
        let printed = end?.message
        if end?.reason == "OOMKilled" {
            let machine = names.machineMemory.map { ", or lower VM_MEMORY_LIMIT (\($0))" } ?? ""
            return .over(
                "its container used more memory than CONTAINER_MEMORY_LIMITS (\(names.memoryLimit ?? "its node")) allows "
                    + "(OOMKilled): raise that\(machine)", printed: printed)
        }
        if let reason = status?.reason {
            let words = status?.message.map { ": \($0)" } ?? ""
            switch reason {
            case "Evicted": return .over("its node evicted it (Evicted)\(words)")
            case "DeadlineExceeded":
                return .over("it ran longer than MAXIMUM_JOB_TIME (\(names.maximumJobTime)) allows (DeadlineExceeded)")
            case "NodeLost", "Shutdown", "Terminated", "NodeShutdown":
                return .over("its node went away (\(reason))\(words)")
            default: return .over("its node refused it (\(reason))\(words)", printed: printed)
            }
        }
        guard let end, let code = end.exitCode, code != 0 else { return .over("its pod ended", printed: printed) }
        switch end.reason {
        case nil, "Error": return .over("its container exited with code \(code)", printed: printed)
        // Here the message is the runtime's own.
        case .some(let reason):
            let words = end.message.map { ": \($0)" } ?? ""
            return .over("its container could not run (\(reason), code \(code))\(words)")
        }
    }

    private static func starting(_ pod: KubernetesPod, _ names: Names) -> BuilderFate {
        if pod.metadata.deletionTimestamp != nil { return .podIsGone }
        for container in pod.status?.containerStatuses ?? [] {
            guard let waiting = container.state?.waiting, let reason = waiting.reason else { continue }
            let words = waiting.message.map { ": \($0)" } ?? ""
            switch reason {
            case "ErrImagePull", "ImagePullBackOff", "ImageInspectError", "RegistryUnavailable":
                let sentence =
                    "its image \(container.image ?? "") can't be pulled (\(reason))\(words). Check \(names.imageKey), and "
                    + "the pull secret \(names.pullSecret) (IMAGE_PULL_SECRET_NAME)"
                return .stuck(.init(kind: .image, sentence: sentence))
            case "InvalidImageName", "ErrImageNeverPull":
                return .over(
                    "its image \(container.image ?? "") can't be used (\(reason))\(words). Check \(names.imageKey)")
            case "CreateContainerConfigError", "CreateContainerError", "RunContainerError", "CrashLoopBackOff":
                return .stuck(.init(kind: .container, sentence: "its container can't be started (\(reason))\(words)"))
            default: continue
            }
        }
        let scheduled = pod.status?.conditions?.first { $0.type == "PodScheduled" && $0.status == "False" }
        guard let scheduled, scheduled.reason == "Unschedulable" else { return .underWay }
        let words = scheduled.message ?? ""
        let selector = names.nodeSelector.map { " It asks for nodes with \($0)." } ?? ""
        return .stuck(
            .init(
                kind: .unschedulable(nodesAreFull: words.contains("Insufficient") || words.contains("Too many pods")),
                sentence: "no node of the cluster takes its pod (Unschedulable): \(words)\(selector)"))
    }
}
