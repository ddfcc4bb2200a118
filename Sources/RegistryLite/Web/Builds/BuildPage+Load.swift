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
    /// No more pages of the store make one page for people: a log of very long lines is better read raw.
    private static let mostPages = 16

    /// Asks for the build and the part of its log that the page shows. Source of the role that reads a log: Quay 1.12.
    ///
    /// - Parameter start: the position of the first entry; nil for the newest ones.
    static func load(
        _ pages: WebPages, _ visit: Visit, _ name: RepositoryName, _ uuid: String, start: Int?
    ) async throws -> BuildPage {
        let access = try await pages.services.access.repository(name, .read, for: visit.caller)
        let view = try await pages.services.builds.find(uuid, in: access)
        let now = pages.services.platform.clock.now
        let log = try await self.log(of: uuid, pages, access, start: start)
        return BuildPage(
            BuildSummary(view), repository: access.repository, role: access.role, timeline: view.timeline,
            failure: log.flatMap { view.timeline.attempts.last?.cause?.text ?? $0.lastError }, log: log,
            site: pages.site, now: now)
    }

    /// The part of the log that the page shows; nil for those who may not read it.
    private static func log(
        of uuid: String, _ pages: WebPages, _ access: RepositoryAccess, start: Int?
    ) async throws -> BuildLogView? {
        let logs = pages.services.buildLogs
        guard access.role >= logs.neededRole else { return nil }
        let total = try await logs.page(of: uuid, from: 0, limit: 1, in: access).total
        let first = min(max(start ?? BuildLogView.start(ofNewest: total), 0), total)
        var entries: [BuildLogEntry] = []
        var count = 0
        // What one page of the store holds is limited by its bytes as well: long lines come in several.
        while entries.count < BuildLogView.window, count < mostPages {
            let page = try await logs.page(
                of: uuid, from: first + entries.count, limit: BuildLogView.window - entries.count, in: access)
            guard !page.entries.isEmpty else { break }
            entries += page.entries
            count += 1
        }
        let path = "\(RepositoryHeader.path(of: access.repository.name))/build/\(uuid)"
        return BuildLogView(entries, start: first, path: path)
    }
}

extension PhaseTrack.Moment {
    /// The phases of every launch that an executor took, in order, with how each launch ended.
    static func all(of timeline: BuildTimeline) -> [PhaseTrack.Moment] {
        timeline.attempts.filter { $0.outcome != .notStarted }.flatMap { attempt in
            var moments = attempt.steps.compactMap { step -> PhaseTrack.Moment? in
                switch step.name {
                case .scheduled: PhaseTrack.Moment(phase: "build-scheduled", at: step.at)
                case .started, .registered: nil
                case .unpacking, .pulling, .building, .pushing:
                    PhaseTrack.Moment(phase: step.name.rawValue, at: step.at)
                }
            }
            if let end = attempt.endedAt, let outcome = attempt.outcome {
                moments.append(PhaseTrack.Moment(phase: outcome.phase.rawValue, at: end))
            }
            return moments
        }
    }
}
