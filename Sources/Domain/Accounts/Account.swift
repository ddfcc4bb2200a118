package import struct Foundation.Date

/// A user, an organization or a robot account as its rules need it. Holds no secret.
package struct Account: Sendable, Hashable {
    package enum Kind: String, Sendable, Hashable { case user, organization, robot }

    /// The row's number; means nothing outside the database.
    package let id: Int64
    package let uuid: String
    /// A username, or `namespace+name` for a robot.
    package let name: String
    package let kind: Kind
    package let email: String?
    package let isVerified: Bool
    package let isEnabled: Bool
    package let isSuperuser: Bool
    /// Rises with every change that ends sessions and registry tokens.
    package let generation: Int64
    package let tagExpirationSeconds: Int
    package let profile: Profile
    package let created: Date
    package let lastAccessed: Date?

    /// What a person tells about themselves.
    package struct Profile: Sendable, Hashable {
        package var givenName: String?
        package var familyName: String?
        package var company: String?
        package var location: String?

        package init(
            givenName: String? = nil, familyName: String? = nil, company: String? = nil, location: String? = nil
        ) {
            self.givenName = givenName
            self.familyName = familyName
            self.company = company
            self.location = location
        }
    }

    package init(
        id: Int64, uuid: String, name: String, kind: Kind, email: String?, isVerified: Bool, isEnabled: Bool,
        isSuperuser: Bool, generation: Int64, tagExpirationSeconds: Int, profile: Profile, created: Date,
        lastAccessed: Date?
    ) {
        self.id = id
        self.uuid = uuid
        self.name = name
        self.kind = kind
        self.email = email
        self.isVerified = isVerified
        self.isEnabled = isEnabled
        self.isSuperuser = isSuperuser
        self.generation = generation
        self.tagExpirationSeconds = tagExpirationSeconds
        self.profile = profile
        self.created = created
        self.lastAccessed = lastAccessed
    }
}
