import Domain
import Foundation
import RegistryCore

/// A build: where it is, what it is made of, and its log.
struct BuildPage: Sendable, Hashable {
    /// One line of the table of facts.
    struct Fact: Sendable, Hashable {
        let label: String
        let value: String
        /// Written in the type of code.
        var isCode = false
    }

    let header: RepositoryHeader
    let uuid: String
    let shortID: String
    let name: String
    let path: String
    let buildsPath: String?
    let phase: PhaseLabel
    let isOver: Bool
    let started: PageTime
    /// `Took 12 s`, `Running for 3 min 4 s`, `Waiting for 2 s`.
    let time: String
    let track: PhaseTrack
    let facts: [Fact]
    let timeline: TimelineView
    let tags: [String]
    /// What the failed build's log gives as the reason.
    let failure: String?
    /// How to pull what was built; nil until it is there.
    let pullCommand: String?
    let canCancel: Bool
    /// The build in the API; scripts add `/logs`.
    let apiPath: String
    /// Nil for those who may not read the log.
    let log: BuildLogView?
    let rawLogPath: String

    /// - Parameters:
    ///   - timeline: when what happened to it, in every launch.
    ///   - failure: why it failed; nil when the visitor may not read the log.
    ///   - log: nil when the visitor may not read it.
    init(
        _ build: BuildSummary, repository: Repository, role: RepositoryRole, timeline: BuildTimeline,
        failure: String?, log: BuildLogView?, site: WebSite, now: Date
    ) {
        header = RepositoryHeader(repository.name, repository.visibility, role: role, tab: nil)
        uuid = build.uuid
        shortID = String(build.uuid.prefix(8))
        name = build.name
        path = "\(header.path)/build/\(build.uuid)"
        buildsPath = role >= .write ? "\(header.path)?tab=builds" : nil
        phase = build.phase
        isOver = build.phase.isOver
        started = PageTime(build.started, now: now)
        time = Self.time(build, now: now)
        track = PhaseTrack(
            PhaseTrack.Moment.all(of: timeline), phase: build.phase, requested: build.started, now: now)
        self.timeline = TimelineView(timeline, showsCauses: log != nil, now: now)
        tags = build.tags
        self.failure = build.phase.mood == .bad ? failure.map { AnsiText($0).text } : nil
        pullCommand =
            build.phase.mood == .good
            ? build.tags.first.map { "docker pull \(site.hostname)/\(repository.name):\($0)" } : nil
        canCancel =
            role >= .admin && !build.phase.isOver && !["pushing", "cannot_load"].contains(build.phase.name)
        apiPath = "/api/v1/repository/\(repository.name)/build/\(build.uuid)"
        rawLogPath = "\(path)/log.txt"
        self.log = log
        var facts = [Fact(label: "Build ID", value: build.uuid, isCode: true)]
        if let user = build.manualUser { facts.append(Fact(label: "Started by", value: user)) }
        if let url = build.archiveURL, role >= .write {
            facts.append(Fact(label: "Source", value: url, isCode: true))
        }
        facts.append(Fact(label: "Dockerfile", value: build.dockerfilePath, isCode: true))
        facts.append(Fact(label: "Context", value: build.context, isCode: true))
        if track.attempt > 1 {
            facts.append(Fact(label: "Attempt", value: "\(track.attempt) of \(BuildService.maximumLaunches)"))
        }
        self.facts = facts
    }

    private static func time(_ build: BuildSummary, now: Date) -> String {
        let end = build.phase.isOver ? build.ended : now
        guard let end else { return "Ended" }
        let duration = PageDuration(seconds: end.timeIntervalSince(build.started)).text
        if build.phase.isOver { return "Took \(duration)" }
        return build.phase.name == "waiting" ? "Waiting for \(duration)" : "Running for \(duration)"
    }
}
