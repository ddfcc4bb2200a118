import Domain
import Foundation
import RegistryCore
import Runtime

extension BuildSummary {
    init(_ view: BuildView) {
        self.init(
            uuid: view.build.uuid, name: view.build.displayName, phase: PhaseLabel(view.shownPhase.text),
            started: view.build.startedAt, ended: view.build.endedAt, tags: view.build.config.dockerTags,
            manualUser: view.build.config.manualUser, archiveURL: view.build.config.archiveURL,
            dockerfilePath: view.build.config.dockerfilePath, context: view.build.config.context)
    }
}

extension BuildListPage {
    static func load(
        _ pages: WebPages, _ access: RepositoryAccess, _ filter: Filter
    ) async throws -> BuildListPage {
        let now = pages.services.platform.clock.now
        let views = try await pages.services.builds.list(in: access, since: filter.since(now), limit: filter.limit)
        return BuildListPage(
            views.map(BuildSummary.init), filter: filter, repository: access.repository, role: access.role, now: now)
    }
}

extension BuildPage {
    /// How many entries at the beginning of a long log tell of its first phases.
    private static let headCount = 200

    /// Asks for the build and the part of its log that the page shows. Source of the role that reads a log: Quay 1.12.
    ///
    /// - Parameter start: the position of the first entry; nil for the newest ones.
    static func load(
        _ pages: WebPages, _ visit: Visit, _ name: RepositoryName, _ uuid: String, start: Int?
    ) async throws -> BuildPage {
        let access = try await pages.services.access.repository(name, .read, for: visit.caller)
        let view = try await pages.services.builds.find(uuid, in: access)
        let now = pages.services.platform.clock.now
        let (log, phases) = try await self.log(of: uuid, pages, access, start: start)
        return BuildPage(
            BuildSummary(view), repository: access.repository, role: access.role,
            moments: phases.compactMap(PhaseTrack.Moment.init),
            failure: phases.last { $0.kind == .error }?.message, log: log, site: pages.site, now: now)
    }

    /// The part of the log that the page shows, and the entries that tell of phases; neither for those who may not read it.
    private static func log(
        of uuid: String, _ pages: WebPages, _ access: RepositoryAccess, start: Int?
    ) async throws -> (BuildLogView?, [BuildLogEntry]) {
        let logs = pages.services.buildLogs
        guard access.role >= logs.neededRole else { return (nil, []) }
        let head = try await logs.page(of: uuid, from: 0, limit: headCount, in: access)
        let first = min(max(start ?? BuildLogView.start(ofNewest: head.total), 0), head.total)
        let shown = try await logs.page(of: uuid, from: first, limit: BuildLogView.window, in: access)
        let path = "\(RepositoryHeader.path(of: access.repository.name))/build/\(uuid)"
        return (
            BuildLogView(shown.entries, start: first, path: path), Array(head.entries.prefix(first)) + shown.entries
        )
    }
}

extension PhaseTrack.Moment {
    /// Nil for an entry that is no phase, or has no moment.
    init?(_ entry: BuildLogEntry) {
        guard entry.kind == .phase, let at = entry.data["datetime"].flatMap(CivilTime.moment) else { return nil }
        self.init(phase: entry.message, at: at)
    }
}
