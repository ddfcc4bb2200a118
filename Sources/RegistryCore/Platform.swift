package import Logging
package import ObjectStorage
package import Runtime
package import SQL
package import Secrets

/// What every service stands on, built once by each program's composition.
package struct Platform: Sendable {
    package let database: any Database
    /// Where blobs and other objects are kept; a row names the location of its object.
    package let locations: ObjectLocations
    package let clock: WallClock
    package let randomness: Randomness
    package let identifiers: Identifiers
    package let logger: Logger
    /// Encrypts what must be shown or used again; under DATABASE_SECRET_KEY.
    package let cipher: FieldCipher
    package let passwords: PasswordHasher
    private let secretKey: SecretToken

    /// - Parameter secretKey: SECRET_KEY. A program that hands out no sealed tokens needs none: what it seals then opens
    ///   nowhere else.
    package init(
        database: any Database, locations: ObjectLocations, cipher: FieldCipher, passwords: PasswordHasher,
        secretKey: String? = nil,
        clock: WallClock = .system,
        randomness: Randomness = .system, identifiers: Identifiers = .system, logger: Logger
    ) {
        self.database = database
        self.locations = locations
        self.cipher = cipher
        self.passwords = passwords
        self.clock = clock
        self.randomness = randomness
        self.identifiers = identifiers
        self.logger = logger
        self.secretKey = secretKey.map(SecretToken.init) ?? .random(using: randomness)
    }

    /// Sealed tokens of one purpose, under SECRET_KEY: those of another purpose don't open there.
    func sealedTokens(for purpose: String) -> SignedTokens {
        SignedTokens(secret: secretKey.text, purpose: purpose, randomness: randomness)
    }

    /// With one location.
    package init(
        database: any Database, objects: any ObjectStore, cipher: FieldCipher, passwords: PasswordHasher,
        secretKey: String? = nil, clock: WallClock = .system, randomness: Randomness = .system,
        identifiers: Identifiers = .system, logger: Logger
    ) {
        self.init(
            database: database, locations: ObjectLocations(objects), cipher: cipher, passwords: passwords,
            secretKey: secretKey, clock: clock, randomness: randomness, identifiers: identifiers, logger: logger)
    }

    /// Where new objects go.
    package var objects: any ObjectStore { locations.preferred }
}
