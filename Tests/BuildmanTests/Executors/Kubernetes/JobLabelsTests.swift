import Domain
import Foundation
import Testing

@testable import Buildman

@Suite("Job labels") struct JobLabelsTests {
    static let labels = JobLabels(identity: "one", executor: "kubernetes", manager: "host")

    static func metadata(_ labels: JobLabels, _ change: (inout KubernetesMetadata) -> Void = { _ in })
        -> KubernetesMetadata
    {
        var all = labels.all(for: KubernetesCase.key, at: Date(timeIntervalSince1970: 0))
        all["job-name"] = KubernetesCase.key.text
        var metadata = KubernetesMetadata(name: KubernetesCase.key.text, uid: "u", labels: all)
        change(&metadata)
        return metadata
    }

    @Test("a Job of this executor is known again, whichever manager made it")
    func ours() {
        let other = JobLabels(identity: "one", executor: "kubernetes", manager: "another")
        #expect(Self.labels.key(ofJob: Self.metadata(other)) == KubernetesCase.key)
        #expect(Self.labels.key(ofPod: Self.metadata(other)) == KubernetesCase.key)
    }

    static let foreignJobs: [(String, KubernetesMetadata)] = [
        ("another installation", metadata(JobLabels(identity: "two", executor: "kubernetes", manager: "host"))),
        ("another executor", metadata(JobLabels(identity: "one", executor: "second", manager: "host"))),
        ("another name", metadata(labels) { $0.name = "something-else" }),
        ("no labels", metadata(labels) { $0.labels = nil }),
        ("no build", metadata(labels) { $0.labels?["build"] = nil }),
        ("no attempt", metadata(labels) { $0.labels?["attempt"] = nil }),
        ("a build that is none", metadata(labels) { $0.labels?["build"] = "../../etc" }),
        ("an attempt that is none", metadata(labels) { $0.labels?["attempt"] = "0" }),
    ]

    @Test("a Job of somebody else is not ours", arguments: foreignJobs)
    func foreign(_ name: String, _ metadata: KubernetesMetadata) { #expect(Self.labels.key(ofJob: metadata) == nil) }

    @Test("any name becomes a label's value that Kubernetes takes, and different names stay different")
    func values() {
        let written = [
            "kubernetes", "my cluster", "my-cluster", "-x", "x-", "Ünter", String(repeating: "a", count: 70),
            String(repeating: "a", count: 71), "", "---", "a.b_c",
        ]
        let values = written.map(JobLabels.value)
        #expect(Set(values).count == written.count)
        for value in values {
            #expect(value.wholeMatch(of: /[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?/) != nil, "\(value)")
        }
        #expect(values[0] == "kubernetes" && values[10] == "a.b_c")
    }

    @Test("the selector chooses what this executor made, and no manager's alone")
    func selector() {
        #expect(Self.labels.selector.contains("executor=kubernetes") && !Self.labels.selector.contains("manager"))
        #expect(Self.labels.selector(of: KubernetesCase.key).contains("job-name=\(KubernetesCase.key)"))
    }
}
