import Domain

/// The Jobs and pods of one executor as its watches last told them.
struct KubernetesTable: Sendable {
    private let labels: JobLabels
    private(set) var jobs: [JobKey: KubernetesJob] = [:]
    /// By uid.
    private var pods: [JobKey: [String: KubernetesPod]] = [:]
    /// Jobs have been listed: what is missing isn't there.
    private(set) var isComplete = false

    init(labels: JobLabels) { self.labels = labels }

    /// The pods of one attempt, the oldest version first.
    func pods(of key: JobKey) -> [KubernetesPod] {
        (pods[key] ?? [:]).values.sorted { ($0.metadata.name ?? "") < ($1.metadata.name ?? "") }
    }

    /// Takes what a watch told. Answers the attempts that it is about, and those whose Job was seen and is gone.
    mutating func take(_ change: KubernetesWatch<KubernetesJob>.Change) -> (changed: Set<JobKey>, gone: Set<JobKey>) {
        switch change {
        case .listed(let all):
            let found = Dictionary(all.compactMap { job in labels.key(ofJob: job.metadata).map { ($0, job) } }) { $1 }
            let gone = Set(jobs.keys).subtracting(found.keys)
            jobs = found
            isComplete = true
            return (Set(found.keys), gone)
        case .changed(let job):
            guard let key = labels.key(ofJob: job.metadata) else { return ([], []) }
            jobs[key] = job
            return ([key], [])
        case .removed(let job):
            guard let key = labels.key(ofJob: job.metadata), jobs.removeValue(forKey: key) != nil else {
                return ([], [])
            }
            return ([], [key])
        }
    }

    /// Takes what a watch told. Answers the attempts that it is about.
    mutating func take(_ change: KubernetesWatch<KubernetesPod>.Change) -> Set<JobKey> {
        switch change {
        case .listed(let all):
            let before = Set(pods.keys)
            pods = [:]
            for pod in all { _ = put(pod) }
            return before.union(pods.keys)
        case .changed(let pod): return put(pod).map { [$0] } ?? []
        case .removed(let pod):
            guard let key = labels.key(ofPod: pod.metadata), let uid = pod.metadata.uid else { return [] }
            pods[key]?[uid] = nil
            if pods[key]?.isEmpty == true { pods[key] = nil }
            return [key]
        }
    }

    private mutating func put(_ pod: KubernetesPod) -> JobKey? {
        guard let key = labels.key(ofPod: pod.metadata), let uid = pod.metadata.uid else { return nil }
        pods[key, default: [:]][uid] = pod
        return key
    }
}
