import Domain
import Foundation

/// The Builds tab of a repository.
struct BuildListPage: Sendable, Hashable {
    /// Which builds the list holds. Raw values stand in the URL. Source: Quay 9.4, builds tab.
    enum Filter: String, Sendable, CaseIterable {
        case recent
        case days2 = "48h"
        case days30 = "30d"

        var label: String {
            switch self {
            case .recent: "Recent Builds"
            case .days2: "Last 48 Hours"
            case .days30: "Last 30 days"
            }
        }

        /// How many builds at most.
        var limit: Int { self == .recent ? 10 : 100 }

        /// The oldest request that counts; nil for any.
        func since(_ now: Date) -> Date? {
            switch self {
            case .recent: nil
            case .days2: now.addingTimeInterval(-48 * 3_600)
            case .days30: now.addingTimeInterval(-30 * 86_400)
            }
        }
    }

    struct Row: Sendable, Hashable {
        let path: String
        let uuid: String
        /// The first eight characters of the uuid.
        let shortID: String
        let phase: PhaseLabel
        let triggeredBy: String
        let started: PageTime
        /// How long it took; nil while it runs.
        let duration: String?
        let tags: [String]
    }

    let header: RepositoryHeader
    let filters: [RepositoryHeader.Link]
    let rows: [Row]
    let isEmpty: Bool
    /// What an empty list says.
    let emptyText: String
    /// Whether the page looks for news by itself.
    let isAnyRunning: Bool
    /// The commands that request a build without this page.
    let repositoryName: String

    /// - Parameter builds: newest first.
    init(_ builds: [BuildSummary], filter: Filter, repository: Repository, role: RepositoryRole, now: Date) {
        let header = RepositoryHeader(repository.name, repository.visibility, role: role, tab: .builds)
        self.header = header
        repositoryName = repository.name.text
        filters = Filter.allCases.map { each in
            RepositoryHeader.Link(
                label: each.label,
                path: "\(header.path)?tab=builds" + (each == .recent ? "" : "&since=\(each.rawValue)"),
                isCurrent: each == filter)
        }
        rows = builds.map { build in
            Row(
                path: "\(header.path)/build/\(build.uuid)", uuid: build.uuid, shortID: String(build.uuid.prefix(8)),
                phase: build.phase, triggeredBy: build.triggeredBy, started: PageTime(build.started, now: now),
                duration: build.ended.map { PageDuration(seconds: $0.timeIntervalSince(build.started)).text },
                tags: build.tags)
        }
        isEmpty = builds.isEmpty
        emptyText =
            filter == .recent ? "No builds have been run for this repository." : "No builds in this time."
        isAnyRunning = builds.contains { !$0.phase.isOver }
    }
}

/// What the pages need to know of a build.
struct BuildSummary: Sendable, Hashable {
    let uuid: String
    let name: String
    let phase: PhaseLabel
    let started: Date
    let ended: Date?
    let tags: [String]
    let manualUser: String?
    let archiveURL: String?
    let dockerfilePath: String
    let context: String

    /// What the list says of where a build came from.
    var triggeredBy: String {
        if let manualUser { return manualUser }
        return archiveURL == nil ? "Manually started" : "Archive address"
    }
}
