import Domain
import Foundation

@testable import RegistryLite

/// Pages with believable content, for tests that look at what is drawn.
enum SamplePages {
    static let now = Date(timeIntervalSince1970: 1_795_568_523)
    static let renderer = Result { try PageRenderer(templates: ShareFolder().templates) }
    static let staticFiles = Result { try StaticFiles(folder: ShareFolder().staticFiles) }

    static func site() throws -> WebSite {
        WebSite(
            title: "Harbour Works", hostname: "registry.example:8080", staticRoot: try staticFiles.get().root)
    }

    static let visitor = Visitor(username: "ada", csrfToken: "token-of-ada", path: "/repository/ada/hello")

    static func repository(
        _ name: String, _ visibility: Repository.Visibility = .private, description: String? = nil
    ) throws -> Repository {
        Repository(
            id: 1, name: try RepositoryName(name), namespaceID: 1, isOrganization: false, visibility: visibility,
            state: .normal, tagExpirationSeconds: 1_209_600, description: description)
    }

    static func build(
        _ phase: String, minutesAgo: Double = 3, took: Double? = nil, tags: [String] = ["latest", "v1.4"]
    ) -> BuildSummary {
        let started = now.addingTimeInterval(-minutesAgo * 60)
        return BuildSummary(
            uuid: "8f14e45f-ceea-467f-ab19-\(phase.utf8.reduce(100_000_000_000) { $0 + Int($1) * 7_777_777 })",
            name: "3fa9c1d", phase: PhaseLabel(phase), started: started, ended: took.map(started.addingTimeInterval),
            tags: tags, manualUser: "ada", archiveURL: nil, dockerfilePath: "/Dockerfile", context: "/")
    }

    static func entry(_ message: String, _ kind: BuildLogEntry.Kind? = nil, at seconds: Int) -> BuildLogEntry {
        let time =
            "2026-11-25 01:\(seconds / 60 < 10 ? "0" : "")\(seconds / 60):\(seconds % 60 < 10 ? "0" : "")\(seconds % 60).250000"
        return BuildLogEntry(message: message, kind: kind, data: ["datetime": time])
    }

    static let log: [BuildLogEntry] =
        [
            entry("build-scheduled", .phase, at: 4), entry("unpacking", .phase, at: 6),
            entry("pulling", .phase, at: 7), entry("building", .phase, at: 11),
            entry("STEP 1/5: FROM registry.example:8080/library/busybox:latest", .command, at: 11),
            entry("STEP 2/5: COPY . /src", .command, at: 12),
            entry("STEP 3/5: RUN make -C /src all", .command, at: 13),
            entry("cc -O2 -Wall -c main.c -o main.o", at: 13),
            entry("\u{1B}[1mmain.c:12:5: \u{1B}[35mwarning:\u{1B}[0m unused variable ‘\u{1B}[1mi\u{1B}[0m’", at: 14),
            entry("cc -O2 -Wall -c wire.c -o wire.o", at: 14),
            entry("\u{1B}[32m✓\u{1B}[0m 214 tests passed \u{1B}[2m(1.8 s)\u{1B}[0m", at: 16),
            entry("\u{1B}[31m✗\u{1B}[0m \u{1B}[41m FAIL \u{1B}[0m \u{1B}[33mflaky\u{1B}[0m <b>not bold</b>", at: 17),
        ]
        + (0..<12).map {
            entry(
                "\u{1B}[\(30 + $0 % 8)m colour \($0 % 8) \u{1B}[\(90 + $0 % 8)m bright \u{1B}[7m turned \u{1B}[0m",
                at: 18 + $0)
        } + [
            entry(
                "a long line "
                    + String(repeating: "that goes on and on without any mercy for small screens ", count: 4),
                at: 31),
            entry("STEP 4/5: EXPOSE 8080", .command, at: 32),
        ]

    /// A build of two launches, of which the first was lost; the second did what the entries tell.
    static func timeline(_ entries: [BuildLogEntry] = log, ended outcome: AttemptOutcome? = nil) -> BuildTimeline {
        let moments = entries.filter { $0.kind == .phase }.compactMap { entry in
            entry.data["datetime"].flatMap(CivilTime.moment).map { (entry.message, $0) }
        }
        guard let first = moments.first?.1 else {
            return BuildTimeline(queuedAt: now - 123, endedAt: nil, attempts: [])
        }
        var steps: [BuildTimeline.StepName: Date] = [
            .scheduled: first, .started: first + 0.4, .registered: first + 1.9,
        ]
        for (name, at) in moments { BuildTimeline.StepName(rawValue: name).map { steps[$0] = at } }
        let end = outcome.map { _ in (moments.last?.1 ?? first) + 9 }
        return BuildTimeline(
            queuedAt: first - 40, endedAt: end,
            attempts: [
                BuildTimeline.Attempt(
                    number: 1, executor: "kubernetes", moments: [.scheduled: first - 38.5, .started: first - 37.2],
                    endedAt: first - 30, outcome: .expired,
                    cause: BuildFailureNote(BuildFailure(.internalError, "The builder did not register in time."))),
                BuildTimeline.Attempt(
                    number: 2, executor: "local", moments: steps, endedAt: end, outcome: outcome, cause: nil),
            ])
    }

    static func buildPage(
        _ phase: String, entries: [BuildLogEntry], failure: String? = nil, role: RepositoryRole = .admin
    ) throws -> BuildPage {
        let build = BuildSummary(
            uuid: "8f14e45f-ceea-467f-ab19-fc70c1b71a2b", name: "3fa9c1d", phase: PhaseLabel(phase),
            started: now.addingTimeInterval(-123), ended: PhaseLabel(phase).isOver ? now.addingTimeInterval(-60) : nil,
            tags: ["latest", "v1.4"], manualUser: "ada", archiveURL: nil, dockerfilePath: "/Dockerfile", context: "/")
        let repository = try repository("ada/hello")
        let path = "\(RepositoryHeader.path(of: repository.name))/build/\(build.uuid)"
        return BuildPage(
            build, repository: repository, role: role, timeline: timeline(entries), failure: failure,
            log: role >= .write ? BuildLogView(entries, start: 0, path: path) : nil, site: try site(), now: now)
    }

    static func html(
        _ page: PageRenderer.Page, _ model: some Sendable, title: String, script: String? = nil,
        visitor: Visitor = visitor
    ) throws -> String {
        try renderer.get().html(
            page, model, layout: Layout(site: site(), visitor: visitor, pageTitle: title, script: script))
    }
}
