import Domain
import Foundation
import RegistryCore
import TestSupport
import Testing
import YAML

@testable import Buildman

/// The objects of k8s/builder-namespace, which an administrator applies before the first build.
@Suite("Cluster objects") struct ClusterObjectsTests {
    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "k8s/builder-namespace")

    static func documents(_ name: String) throws -> [YAMLMapping] {
        let text = try String(contentsOf: folder.appending(path: name), encoding: .utf8)
        return try text.components(separatedBy: "\n---\n").map {
            try #require(try YAMLParser.parse(Array($0.utf8)).mapping)
        }
    }

    @Test("OpenShift's three documents have the guide's keys, in its order")
    func openShift() throws {
        let documents = try Self.documents("openshift.yaml")
        #expect(
            documents[0].entries.map(\.key) == [
                "apiVersion", "kind", "metadata", "priority", "readOnlyRootFilesystem", "requiredDropCapabilities",
                "runAsUser", "seLinuxContext", "seccompProfiles", "supplementalGroups", "volumes",
                "allowHostDirVolumePlugin", "allowHostIPC", "allowHostNetwork", "allowHostPID", "allowHostPorts",
                "allowPrivilegeEscalation", "allowPrivilegedContainer", "allowedCapabilities", "allowedUnsafeSysctls",
                "defaultAddCapabilities", "fsGroup",
            ])
        #expect(documents.map { $0["kind"]?.scalar?.text } == ["SecurityContextConstraints", "Role", "RoleBinding"])
        let rule = documents[1]["rules"]?.sequence?.first?.mapping
        #expect(rule?["resourceNames"]?.sequence?.first?.scalar?.text == "quay-builder")
        #expect(documents[2]["subjects"]?.sequence?.first?.mapping?["name"]?.scalar?.text == "quay-builder")
    }

    @Test("every file is of one namespace and one service account")
    func names() throws {
        for name in ["service-account.yaml", "role.yaml", "role-binding.yaml", "network-policy.yaml"] {
            let document = try #require(try Self.documents(name).first)
            #expect(document["metadata"]?.mapping?["namespace"]?.scalar?.text == "builder", "\(name)")
        }
        let listed = try Self.documents("kustomization.yaml")[0]["resources"]?.sequence?.compactMap { $0.scalar?.text }
        for name in listed ?? [] { #expect(try !Self.documents(name).isEmpty) }
        #expect(listed?.count == 5)
    }

    @Test("SEC-Authorisation slips: the Role is what the executor needs, and nothing more")
    func role() async throws {
        let rules = try Self.documents("role.yaml")[0]["rules"]?.sequence ?? []
        var granted: Set<String> = []
        for rule in rules.compactMap(\.mapping) {
            func words(_ key: String) -> [String] { rule[key]?.sequence?.compactMap { $0.scalar?.text } ?? [] }
            for resource in words("resources") { for verb in words("verbs") { granted.insert("\(verb) \(resource)") } }
        }
        // A whole life: started twice, stuck, looked into, stopped.
        let fixture = try await KubernetesFixture()
        try await fixture.server.order(#"{"do":"settings","terminating":0.5}"#)
        try await fixture.launch()
        try await fixture.launch()
        try await fixture.server.pod(
            of: KubernetesCase.key.text, status: BuilderFateTests.waiting("ImagePullBackOff"), node: "node-1")
        _ = try await fixture.nextEnd()
        await fixture.executor.stop(KubernetesCase.key)
        let used = try await fixture.server.requests().map { request in
            let parts = request.path.split(separator: "/").map(String.init)
            let place = parts.firstIndex(of: "namespaces") ?? 0
            let isOne = parts.count > place + 3
            let verb =
                switch request.method {
                case "GET": isOne ? "get" : request.query["watch"] == nil ? "list" : "watch"
                case "POST": "create"
                default: isOne ? "delete" : "deletecollection"
                }
            return "\(verb) \(parts[place + 2])"
        }
        #expect(Set(used) == granted)
    }
}
