package import Logging
package import Runtime
package import SQL
package import Secrets

/// What every service stands on, built once by each program's composition.
package struct Platform: Sendable {
    package let database: any Database
    package let clock: WallClock
    package let randomness: Randomness
    package let identifiers: Identifiers
    package let logger: Logger
    /// Encrypts what must be shown or used again; under DATABASE_SECRET_KEY.
    package let cipher: FieldCipher
    package let passwords: PasswordHasher

    package init(
        database: any Database, cipher: FieldCipher, passwords: PasswordHasher,
        clock: WallClock = .system,
        randomness: Randomness = .system, identifiers: Identifiers = .system, logger: Logger
    ) {
        self.database = database
        self.cipher = cipher
        self.passwords = passwords
        self.clock = clock
        self.randomness = randomness
        self.identifiers = identifiers
        self.logger = logger
    }
}
