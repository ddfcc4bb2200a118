/// Which credentials a client may come with, and how long they last; a slice of the configuration.
package struct CredentialRules: Sendable {
    /// AUTHENTICATION_TYPE is Database; false for AppToken, where clients come with tokens only.
    package var takesPasswords = true
    /// FEATURE_REQUIRE_ENCRYPTED_BASIC_AUTH: of a password only its encrypted form is taken.
    package var requiresEncryptedPasswords = false
    /// FEATURE_APP_SPECIFIC_TOKENS.
    package var takesAppTokens = true
    /// APP_SPECIFIC_TOKEN_EXPIRATION, counted from a token's creation; nil: they don't expire.
    package var appTokenLifetime: Duration?
    /// EXPIRED_APP_SPECIFIC_TOKEN_GC: how long an expired token stays listed; also how soon one counts as expiring.
    package var expiredAppTokenRetention: Duration = .seconds(86_400)

    package init() {}
}
