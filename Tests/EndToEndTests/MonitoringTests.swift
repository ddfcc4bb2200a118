import Foundation
import TestSupport
import Testing
import WebRequests

/// The alert rules and the dashboard that are shipped, against what the running programs print.
@Suite("Monitoring", .serialized) struct MonitoringTests {
    private static let folder = Programs.root.appending(path: "k8s/monitoring")
    private static let rules = folder.appending(path: "alerts.yaml").path
    private static let dashboard = folder.appending(path: "dashboard.json").path

    @Test("promtool accepts the alert rules") func rulesAreValid() async throws {
        let check = try ChildProcess("promtool", ["check", "rules", Self.rules])
        #expect(try await check.exit(within: .seconds(60)) == 0, "\(check.printed)")
        #expect(check.printed.contains("SUCCESS: 11 rules found"), "\(check.printed)")
    }

    @Test("the rules fire, and stay silent, when they should") func rulesFire() async throws {
        let test = try ChildProcess(
            "promtool", ["test", "rules", Self.folder.appending(path: "alerts.test.yaml").path])
        #expect(try await test.exit(within: .seconds(60)) == 0, "\(test.printed)")
    }

    @Test("each runbook is a heading of the documentation") func runbooks() throws {
        let text = try String(contentsOfFile: Self.rules, encoding: .utf8)
        let documentation = try String(
            contentsOf: Programs.root.appending(path: "docs/operations/builds.md"), encoding: .utf8)
        let headings = Set(
            documentation.split(separator: "\n").filter { $0.hasPrefix("#") }.map {
                $0.drop { $0 == "#" || $0 == " " }.lowercased().replacingOccurrences(of: " ", with: "-")
            })
        let anchors = text.matches(of: /builds\.md#([a-z-]+)/).map { String($0.output.1) }
        #expect(anchors.count == 11)
        #expect(Set(anchors).subtracting(headings) == [])
    }

    @Test("every metric of the rules and of the dashboard is printed by the programs") func metricsExist() async throws
    {
        let farm = try await Farm(.sqlite)
        let token = try await farm.initialize()
        try await farm.pushBaseImage(token: token)
        try await farm.createRepository("measured", token: token)
        let build = try await farm.build(
            "measured", files: ["Dockerfile": "FROM \(farm.host)/admin/busybox\nRUN true"], token: token)
        #expect(try await farm.outcome(of: build, in: "measured", token: token, within: .seconds(180)) == "complete")
        let registry = try await farm.client.send(WebRequest(.get, "\(farm.url)/metrics")).text
        let buildman = try await farm.client.send(WebRequest(.get, "http://127.0.0.1:\(farm.metricsPort)/metrics")).text
        // `# TYPE name kind`. Prometheus makes three names of a histogram.
        let types = (registry + buildman).split(separator: "\n").filter { $0.hasPrefix("# TYPE ") }
            .map { $0.split(separator: " ").map(String.init) }
        let known = Set(
            types.flatMap { words in
                words[3] == "histogram" ? ["_bucket", "_sum", "_count"].map { words[2] + $0 } : [words[2]]
            })
        for file in [Self.rules, Self.dashboard] {
            let text = try String(contentsOfFile: file, encoding: .utf8)
            let used = Set(text.matches(of: /quay_[a-z_]+/).map { String($0.output) })
            #expect(used.count >= 10)
            #expect(used.subtracting(known).sorted() == [], "\(file)")
        }
        // One build has run on an executor called local.
        for line in [
            #"quay_build_jobs{success="true"} 1"#, #"quay_build_executor_healthy{executor="local"} 1"#,
            #"quay_build_running{executor="local"} 0"#, "quay_build_capacity 1",
            #"quay_build_duration_seconds_count{executor="local",job_status="complete"} 1"#,
            #"quay_build_ack_duration_seconds_count{executor="local"} 1"#,
            #"quay_queue_item_gets_total{availability="acquired",queue_name="dockerfilebuild"} 1"#,
        ] { #expect(buildman.contains(line + "\n"), "\(buildman)") }
        let names = try await Self.dashboardIsWhole()
        #expect(names > 10)
    }

    /// The number of panels that ask something; each has a place and a title.
    private static func dashboardIsWhole() async throws -> Int {
        let object = try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: dashboard)))
        let panels = try #require((object as? [String: Any])?["panels"] as? [[String: Any]])
        #expect(Set(panels.compactMap { $0["id"] as? Int }).count == panels.count)
        #expect(panels.allSatisfy { $0["title"] is String && $0["gridPos"] is [String: Int] })
        let expressions = panels.flatMap { $0["targets"] as? [[String: Any]] ?? [] }.compactMap {
            $0["expr"] as? String
        }
        // Each expression is one that Prometheus understands, with Grafana's variable filled in.
        let folder = try TemporaryFolder()
        let lines = expressions.enumerated().map { index, expression in
            let filled = expression.replacingOccurrences(of: "$__rate_interval", with: "5m")
            return "      - {record: \"panel:\(index)\", expr: '\(filled)'}"
        }
        let file = try folder.write(
            "groups:\n  - name: dashboard\n    rules:\n\(lines.joined(separator: "\n"))\n", to: "dashboard.yaml")
        let check = try ChildProcess("promtool", ["check", "rules", file])
        #expect(try await check.exit(within: .seconds(60)) == 0, "\(check.printed)")
        return expressions.count
    }
}
