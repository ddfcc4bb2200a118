import Domain
import Foundation
import Testing

@testable import RegistryLite

@Suite("Build page") struct BuildPageTests {
    @Test(
        "says each phase in the product's words, and never by colour alone",
        arguments: BuildPhase.allCases.map(\.rawValue) + ["expired", "cannot_load"])
    func phases(_ name: String) {
        let label = PhaseLabel(name)
        #expect(label.sentence != name)
        #expect(!label.word.isEmpty)
    }

    @Test("a phase of a newer server is shown by its name") func unknownPhase() {
        #expect(PhaseLabel("signing").sentence == "signing")
        #expect(!PhaseLabel("signing").isOver)
    }

    @Test(
        "only an administrator may cancel, and only before the image is pushed",
        arguments: [
            ("waiting", true), ("build-scheduled", true), ("unpacking", true), ("pulling", true), ("building", true),
            ("internalerror", true), ("pushing", false), ("complete", false), ("error", false), ("cancelled", false),
            ("expired", false), ("cannot_load", false),
        ])
    func cancelling(_ phase: String, _ canCancel: Bool) throws {
        #expect(try SamplePages.buildPage(phase, entries: []).canCancel == canCancel)
        #expect(try !SamplePages.buildPage(phase, entries: [], role: .write).canCancel)
        #expect(try !SamplePages.buildPage(phase, entries: [], role: .read).canCancel)
    }

    @Test("readers see no log, no source address and no way to the builds") func readers() throws {
        let repository = try SamplePages.repository("ada/hello", .public)
        let build = BuildSummary(
            uuid: "u", name: "n", phase: PhaseLabel("complete"), started: SamplePages.now, ended: SamplePages.now,
            tags: ["latest"], manualUser: nil, archiveURL: "https://example.com/?token=secret", dockerfilePath: "/",
            context: "/")
        func page(_ role: RepositoryRole) throws -> BuildPage {
            BuildPage(
                build, repository: repository, role: role, timeline: SamplePages.timeline(), failure: nil, log: nil,
                site: try SamplePages.site(), now: SamplePages.now)
        }
        #expect(try !"\(page(.read))".contains("secret"))
        #expect(try "\(page(.write))".contains("secret"))
        #expect(try page(.read).buildsPath == nil)
        #expect(RepositoryHeader.tabs(for: .read, hasBuilds: true) == [.information])
    }

    @Test("tells how to pull what was built, once it is there") func pulling() throws {
        #expect(
            try SamplePages.buildPage("complete", entries: []).pullCommand
                == "docker pull registry.example:8080/ada/hello:latest")
        #expect(try SamplePages.buildPage("pushing", entries: []).pullCommand == nil)
        #expect(try SamplePages.buildPage("error", entries: [], failure: "\u{1B}[31mno\u{1B}[0m").failure == "no")
        #expect(try SamplePages.buildPage("complete", entries: [], failure: "old").failure == nil)
    }

    @Test("SEC-Secrets shown to readers: the timeline tells everybody when, and why only those who may read the log")
    func causes() throws {
        let timeline = SamplePages.timeline()
        let full = TimelineView(timeline, showsCauses: true, now: SamplePages.now)
        #expect(full.launches.map(\.cause).first??.contains("did not register") == true)
        let reader = TimelineView(timeline, showsCauses: false, now: SamplePages.now)
        #expect(reader.launches.map(\.cause) == [nil, nil])
        #expect(reader.launches.map(\.steps) == full.launches.map(\.steps))
        #expect(
            try SamplePages.buildPage("building", entries: SamplePages.log, role: .read).timeline.launches[0].cause
                == nil)
    }

    @Test("the timeline has every launch, its steps, and how long each took") func timeline() {
        let view = TimelineView(SamplePages.timeline(), showsCauses: true, now: SamplePages.now)
        #expect(view.summary == "2 launches")
        #expect(view.queued.took == "1.50 s")
        #expect(view.launches.map(\.title) == ["Launch 1 on kubernetes", "Launch 2 on local"])
        #expect(view.launches.map(\.outcome) == ["Not heard in time", "Running"])
        #expect(view.launches[0].steps.map(\.took) == ["1.30 s", "7.20 s"])
        #expect(
            view.launches[1].steps.map(\.word)
                == ["Scheduled", "Starting builder", "Registered", "Unpacking", "Pulling", "Building"])
        #expect(view.launches[1].steps.last?.took.hasPrefix("so far ") == true)
        let waiting = TimelineView(
            BuildTimeline(queuedAt: SamplePages.now - 3, endedAt: nil, attempts: []), showsCauses: true,
            now: SamplePages.now)
        #expect(waiting.summary == "not launched yet")
        #expect(waiting.queued.took == "so far 3.00 s")
    }

    @Test("says how long it waited, ran or took") func times() throws {
        #expect(try SamplePages.buildPage("waiting", entries: []).time == "Waiting for 2 min 3 s")
        #expect(try SamplePages.buildPage("building", entries: []).time == "Running for 2 min 3 s")
        #expect(try SamplePages.buildPage("complete", entries: []).time == "Took 1 min 3 s")
    }
}

@Suite("Phase track") struct PhaseTrackTests {
    private let start = SamplePages.now

    private func track(_ phases: [(String, Double)], _ phase: String, now: Double = 100) -> [String] {
        let moments = phases.map { PhaseTrack.Moment(phase: $0.0, at: start.addingTimeInterval($0.1)) }
        return PhaseTrack(
            moments, phase: PhaseLabel(phase), requested: start, now: start.addingTimeInterval(now)
        ).steps.map { "\($0.state) \($0.note)" }
    }

    @Test("waits") func waits() {
        #expect(track([], "waiting", now: 5) == ["current 5 s"] + Array(repeating: "open to come", count: 5))
    }

    @Test("runs, with a phase that was not needed") func runs() {
        #expect(
            track([("build-scheduled", 2), ("unpacking", 5), ("building", 6)], "building", now: 18) == [
                "done 2 s", "done 3 s", "done 1 s", "skipped not needed", "current 12 s", "open to come",
            ])
    }

    @Test("ends well") func completes() {
        #expect(
            track(
                [("build-scheduled", 2), ("pulling", 3), ("building", 4), ("pushing", 9), ("complete", 10)], "complete")
                == ["done 2 s", "done 1 s", "skipped not needed", "done 1 s", "done 5 s", "done 1 s"])
    }

    @Test("fails, is cancelled, and draws the last attempt") func stops() {
        #expect(
            track([("build-scheduled", 2), ("building", 4), ("error", 9)], "error") == [
                "done 2 s", "done 2 s", "skipped not needed", "skipped not needed", "stopped stopped after 5 s",
                "open not reached",
            ])
        #expect(track([("cancelled", 3)], "cancelled")[0] == "stopped ended")
        let again: [(String, Double)] = [
            ("build-scheduled", 2), ("pushing", 4), ("internalerror", 9), ("build-scheduled", 40),
        ]
        #expect(track(again, "build-scheduled", now: 50)[1] == "current 10 s")
        #expect(track(again, "build-scheduled", now: 50)[5] == "open to come")
    }

    @Test("tells a reader without the log only where the build is") func untold() {
        #expect(track([], "complete") == Array(repeating: "done done", count: 6))
        #expect(
            track([], "pulling") == [
                "done done", "done done", "done done", "current now", "open to come", "open to come",
            ])
        #expect(track([], "error") == ["done done"] + Array(repeating: "open not told", count: 5))
    }

    @Test("counts launches") func launches() {
        let moments = [0.0, 5].map { PhaseTrack.Moment(phase: "build-scheduled", at: start.addingTimeInterval($0)) }
        #expect(PhaseTrack(moments, phase: PhaseLabel("building"), requested: start, now: start).attempt == 2)
    }

    @Test("clocks that were set back and logs that never end don't break it") func oddClocks() {
        #expect(track([("build-scheduled", -50)], "build-scheduled", now: -80)[1] == "current 0 s")
        #expect(track([("build-scheduled", 1)], "build-scheduled", now: 1e12)[1].hasPrefix("current"))
    }
}

@Suite("Build log view") struct BuildLogViewTests {
    @Test("cuts the log into parts and numbers every entry from 1") func parts() {
        let view = BuildLogView(
            [
                BuildLogEntry(message: "first\n"), BuildLogEntry(message: "building", kind: .phase),
                BuildLogEntry(message: "STEP 1/1: RUN x", kind: .command), BuildLogEntry(message: "out"),
                BuildLogEntry(message: "broken", kind: .error),
            ], start: 0, path: "/b")
        #expect(view.sections.map(\.kind) == ["output", "phase", "step", "error"])
        #expect(view.sections.map(\.number) == [nil, 2, 3, 5])
        #expect(view.sections.flatMap(\.lines).map(\.number) == [1, 4])
        #expect(view.sections[0].lines[0].runs.map(\.text) == ["first"])
        #expect(view.next == 5)
        #expect(view.earlierPath == nil)
    }

    @Test("a later part goes on where it begins and links to what came before") func later() {
        let view = BuildLogView([BuildLogEntry(message: "x")], start: 5_000, path: "/b")
        #expect(view.sections[0].lines[0].number == 5_001)
        #expect(view.next == 5_001)
        #expect(view.earlierPath == "/b?start=3000")
        #expect(BuildLogView.start(ofNewest: 10) == 0)
        #expect(BuildLogView.start(ofNewest: 10_000) == 8_000)
    }

    @Test("shows the clock of an entry only when it has a real one") func clocks() {
        let view = BuildLogView(
            [
                BuildLogEntry(message: "a", data: ["datetime": "2026-11-25 01:02:03.5"]),
                BuildLogEntry(message: "b", data: ["datetime": "<script>"]),
            ], start: 0, path: "/b")
        #expect(view.sections[0].lines.map(\.clock) == ["01:02:03", nil])
    }

    @Test("the raw log has every entry as a line of its own, untouched") func raw() {
        #expect(BuildLogText.text(BuildLogEntry(message: "\u{1B}[31mx\n")) == "\u{1B}[31mx\n")
        #expect(BuildLogText.text(BuildLogEntry(message: "why", kind: .error)) == "ERROR: why\n")
        #expect(
            BuildLogText.text(BuildLogEntry(message: "pushing", kind: .phase))
                == "==> Pushing image built from Dockerfile\n")
    }
}

@Suite("Lists") struct ListPageTests {
    @Test("builds: short ids, links, durations, filters") func builds() throws {
        let repository = try SamplePages.repository("ada/hello")
        let builds = [SamplePages.build("building"), SamplePages.build("complete", took: 83)]
        let page = BuildListPage(
            builds, filter: .days2, repository: repository, role: .write, now: SamplePages.now)
        #expect(page.rows.map(\.shortID) == ["8f14e45f", "8f14e45f"])
        #expect(page.rows[0].path == "/repository/ada/hello/build/\(builds[0].uuid)")
        #expect(page.rows.map(\.duration) == [nil, "1 min 23 s"])
        #expect(page.filters.map(\.isCurrent) == [false, true, false])
        #expect(page.filters.map(\.path).last == "/repository/ada/hello?tab=builds&since=30d")
        #expect(page.isAnyRunning)
        #expect(BuildListPage.Filter.recent.since(SamplePages.now) == nil)
        #expect(BuildListPage.Filter.days2.since(SamplePages.now) == SamplePages.now.addingTimeInterval(-172_800))
    }

    @Test("repositories: one's own namespace first, then by name") func repositories() throws {
        let names = ["zeta/b", "ada/z", "ada/a", "me/x", "beta/y"]
        let page = RepositoryListPage(
            try names.map { try SamplePages.repository($0) }, isCut: false, username: "me", site: try SamplePages.site()
        )
        #expect(page.groups.map(\.namespace) == ["me", "ada", "beta", "zeta"])
        #expect(page.groups[1].repositories.map(\.name) == ["a", "z"])
        #expect(page.groups[0].repositories[0].path == "/repository/me/x")
    }

    @Test("a description's first line is its summary") func summaries() throws {
        let page = RepositoryListPage(
            [try SamplePages.repository("ada/a", description: "\n  \nFirst.\nSecond.")], isCut: false, username: nil,
            site: try SamplePages.site())
        #expect(page.groups[0].repositories[0].summary == "First.")
    }
}
