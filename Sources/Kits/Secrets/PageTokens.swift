package import Foundation
package import Runtime

/// The cursors of paged listings (`next_page`): opaque to clients, who can neither read nor make one.
///
/// A cursor belongs to one listing: the caller names it (operation and whose list), and another listing refuses it.
package struct PageTokens: Sendable {
    /// Long enough for a person to come back to a page, short enough for columns and orders to change between versions.
    package static let lifetime: TimeInterval = 2 * 24 * 3600
    private let tokens: SignedTokens

    /// `secret` is the text of PAGE_TOKEN_KEY where it is set, else of SECRET_KEY.
    package init(secret: String, randomness: Randomness) {
        self.tokens = SignedTokens(secret: secret, purpose: "page", randomness: randomness)
    }

    package func token(for cursor: some Encodable, of listing: String, now: Date) throws -> String {
        try tokens.issue(cursor, expiresAt: now.addingTimeInterval(Self.lifetime), context: listing)
    }

    /// The cursor in a token that a client sent; throws for tokens of other listings, expired and invented ones.
    package func cursor<Cursor: Decodable>(
        in token: String, as type: Cursor.Type = Cursor.self, of listing: String, now: Date
    ) throws(SignedTokens.Failure) -> Cursor {
        try tokens.read(token, as: type, context: listing, now: now)
    }
}
