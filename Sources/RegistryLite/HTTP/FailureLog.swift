import Domain
import Logging
import Synchronization

/// Writes down that the registry has failed, where the answer says no more than that.
enum FailureLog {
    /// A full disk refuses every push: it is said this often.
    private static let pause: Duration = .seconds(60)
    private static let said = Mutex<ContinuousClock.Instant?>(nil)

    static func write(_ error: RegistryError, to logger: Logger) {
        guard error.kind == .storageFull else {
            logger.error("\(error)")
            return
        }
        let now = ContinuousClock.now
        let isDue = said.withLock { last in
            if let moment = last, now - moment < pause { return false }
            last = now
            return true
        }
        guard isDue else { return }
        logger.error(
            """
            A disk is full. Pushes and changes are refused until there is space again, pulls go on: free some, or give \
            the blobs or the database a larger disk. \(error)
            """)
    }
}
