import Domain
import Foundation

/// What Redis should hold of the jobs that this manager watches, and what of that is still to be written: pure.
struct JobLedger: Sendable {
    /// One thing to write.
    enum Change: Sendable, Hashable {
        case put(JobRecord, expiresAt: Date, heardAt: Date?)
        /// Of a job that another manager put, if Redis knows it.
        case move(JobKey, expiresAt: Date)
        case remove(JobKey)

        var key: JobKey {
            switch self {
            case .put(let record, _, _): record.key
            case .move(let key, _), .remove(let key): key
            }
        }
    }

    private struct Entry: Sendable {
        let record: JobRecord
        var expiresAt: Date
        var heardAt: Date?
    }

    private enum Pending: Sendable, Hashable {
        case put
        case move(Date)
        case remove
    }

    private var entries: [JobKey: Entry] = [:]
    private var pending: [JobKey: Pending] = [:]

    /// The jobs that this manager put.
    var keys: Set<JobKey> { Set(entries.keys) }
    var hasChanges: Bool { !pending.isEmpty }

    func expiry(of key: JobKey) -> Date? { entries[key]?.expiresAt }

    mutating func put(_ record: JobRecord, expiresAt moment: Date) {
        entries[record.key] = Entry(record: record, expiresAt: moment)
        pending[record.key] = .put
    }

    mutating func move(_ key: JobKey, expiresAt moment: Date, at now: Date) {
        guard entries[key] != nil else {
            if pending[key] != .remove { pending[key] = .move(moment) }
            return
        }
        entries[key]?.expiresAt = moment
        entries[key]?.heardAt = now
        // Written whole: what Redis has lost meanwhile comes back with it.
        pending[key] = .put
    }

    mutating func release(_ key: JobKey) {
        entries[key] = nil
        pending[key] = nil
    }

    mutating func remove(_ key: JobKey) {
        entries[key] = nil
        pending[key] = .remove
    }

    /// Redis doesn't know the job, or does no longer.
    mutating func isMissing(_ key: JobKey) {
        if entries[key] != nil { pending[key] = .put }
    }

    /// Nobody knows what Redis has kept.
    mutating func everythingMayBeLost() {
        for key in entries.keys { pending[key] = .put }
    }

    /// At most `limit` of what is to be written.
    mutating func takeChanges(_ limit: Int) -> [Change] {
        let keys = pending.keys.prefix(limit)
        return keys.compactMap { key in
            switch pending.removeValue(forKey: key) {
            case .put:
                entries[key].map { .put($0.record, expiresAt: $0.expiresAt, heardAt: $0.heardAt) }
            case .move(let moment): .move(key, expiresAt: moment)
            case .remove: .remove(key)
            case nil: nil
            }
        }
    }

    /// Nobody knows whether `changes` were written: they are still to be, where nothing newer is.
    mutating func giveBack(_ changes: [Change]) {
        for change in changes where pending[change.key] == nil {
            switch change {
            case .put(let record, _, _): if entries[record.key] != nil { pending[record.key] = .put }
            case .move(let key, let moment): if entries[key] == nil { pending[key] = .move(moment) }
            case .remove(let key): if entries[key] == nil { pending[key] = .remove }
            }
        }
    }
}
