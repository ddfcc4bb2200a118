import Domain
import Foundation
import RegistryCore
import Runtime
import Secrets

/// The cursors of paged lists: sealed, bound to one list of one caller, and forgotten after two days.
enum Paging {
    /// Where the list of a request begins; a token that is wrong or too old begins anew. Source: Quay, pagination.
    static func start(_ request: APIRequest) -> Int64 {
        guard let token = request.query["next_page"] else { return 0 }
        do {
            return try request.pages.cursor(
                in: token, as: Int64.self, of: listing(request), now: request.services.platform.clock.now)
        } catch { return 0 }
    }

    /// The token for the page that begins after `last`; nil when there is none.
    static func next(_ last: Int64?, _ request: APIRequest) throws -> String? {
        guard let last else { return nil }
        return try request.pages.token(
            for: last, of: listing(request), now: request.services.platform.clock.now)
    }

    /// Where a list begins whose order is more than a number; nil for its start.
    static func position<Position: Decodable>(_ request: APIRequest, as type: Position.Type) -> Position? {
        guard let token = request.query["next_page"] else { return nil }
        do {
            return try request.pages.cursor(
                in: token, as: type, of: listing(request), now: request.services.platform.clock.now)
        } catch { return nil }
    }

    /// The token for the page that begins behind `position`.
    static func token(_ position: some Encodable, _ request: APIRequest) throws -> String {
        try request.pages.token(for: position, of: listing(request), now: request.services.platform.clock.now)
    }

    private static func listing(_ request: APIRequest) -> String {
        "\(request.route.operationID) \(request.caller.accountID ?? 0)"
    }
}
