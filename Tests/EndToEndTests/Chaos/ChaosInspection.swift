import Foundation
import OCI
import TestSupport

/// What must hold after a build has ended, whatever broke on its way: one outcome, one image, one log, nothing left.
struct ChaosInspection {
    let chaos: ChaosFarm
    let repository: String
    let build: String
    private var farm: Farm { chaos.farm }

    /// A sentence for each thing that doesn't hold.
    func violations() async throws -> [String] {
        var wrong: [String] = []
        let log = try await farm.log(of: build, in: repository, token: chaos.token)
            .map { $0.trimmingCharacters(in: .whitespaces) }
        let ends = log.filter { ["phase complete", "phase error", "phase cancelled"].contains($0) }
        if ends != ["phase complete"] { wrong.append("the ends in the log are \(ends)") }
        if log.last != "phase complete" { wrong.append("the log ends with \(log.last ?? "nothing")") }
        wrong += lines(log)
        wrong += try await image(log)
        wrong += try await database()
        wrong += try await leftovers()
        return wrong
    }

    /// Each attempt counts from 1 without a gap or a double, and the last one to the end.
    private func lines(_ log: [String]) -> [String] {
        var last = 0
        var wrong: [String] = []
        for number in log.compactMap({ $0.hasPrefix("line ") ? Int($0.dropFirst(5)) : nil }) {
            if number != last + 1, number != 1 { wrong.append("line \(number) follows line \(last)") }
            last = number
        }
        if last != 200 { wrong.append("the log ends at line \(last)") }
        return wrong
    }

    /// The tag is the image of the attempt that won, which said its name last.
    private func image(_ log: [String]) async throws -> [String] {
        guard let winner = log.last(where: { $0.hasPrefix("image ") })?.dropFirst(6) else {
            return ["no attempt said which image it makes"]
        }
        let root = try await farm.pull("admin/\(repository)")
        let tagged = try String(contentsOfFile: "\(root)/id", encoding: .utf8).trimmingCharacters(
            in: .whitespacesAndNewlines)
        return tagged == winner ? [] : ["the tag is at the image \(tagged), and the winner made \(winner)"]
    }

    private func database() async throws -> [String] {
        var wrong: [String] = []
        let checks = [
            ("queue items", "SELECT COUNT(*) FROM queue_item WHERE queue_name LIKE 'dockerfilebuild%'", "0"),
            ("live attempts", "SELECT COUNT(*) FROM build_attempt WHERE ended_ms IS NULL", "0"),
            (
                "attempts that won",
                """
                SELECT COUNT(*) FROM build_attempt JOIN build ON build.id = build_attempt.build_id
                WHERE build.uuid = '\(build)' AND outcome = 'complete'
                """, "1"
            ),
        ]
        for (what, query, expected) in checks {
            let found = try await ask(query)
            if found != expected { wrong.append("there are \(found) \(what)") }
        }
        return wrong
    }

    private func ask(_ query: String) async throws -> String {
        if let database = farm.database {
            return try await farm.run("psql", database.uri, "-tAc", query).trimmingCharacters(
                in: .whitespacesAndNewlines)
        }
        return try await farm.run("sqlite3", "-readonly", farm.folder.path("data/registry.db"), query)
            .trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// Processes and folders go a moment after the outcome is stored.
    private func leftovers() async throws -> [String] {
        let processes = BuilderProcesses(build: build)
        let rooms = "/var/lib/buildman/\(Digest(of: Array(farm.folder.path("data").utf8)).hex.prefix(12))"
        func left() -> [String] {
            let folders = ["attempts", "state"].flatMap { folder in
                ((try? FileManager.default.contentsOfDirectory(atPath: "\(rooms)/\(folder)")) ?? []).map {
                    "\(folder)/\($0)"
                }
            }
            return processes.all.map { "process \($0)" } + folders
        }
        let deadline = ContinuousClock.now + .seconds(10)
        while !left().isEmpty, ContinuousClock.now < deadline { try await Task.sleep(for: .milliseconds(100)) }
        return left().map { "left behind: \($0)" }
    }
}
