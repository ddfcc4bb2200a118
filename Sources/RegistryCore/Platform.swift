package import Logging
package import Runtime
package import SQL

/// What every service stands on, built once by each program's composition.
package struct Platform: Sendable {
    package let database: any Database
    package let clock: WallClock
    package let randomness: Randomness
    package let identifiers: Identifiers
    package let logger: Logger

    package init(
        database: any Database, clock: WallClock = .system,
        randomness: Randomness = .system, identifiers: Identifiers = .system, logger: Logger
    ) {
        self.database = database
        self.clock = clock
        self.randomness = randomness
        self.identifiers = identifiers
        self.logger = logger
    }
}
