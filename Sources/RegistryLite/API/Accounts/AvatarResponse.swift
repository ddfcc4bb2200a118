import Crypto
import Domain
import Foundation

/// The avatar object that stands beside every name. Source: Quay, avatar object.
enum AvatarResponse {
    static func avatar(_ name: String, _ kind: Avatar.Kind, email: String? = nil) -> JSONValue {
        let avatar = Avatar(name: name, kind: kind, email: email)
        let digest = Array(SHA256.hash(data: Data(avatar.hashedText.utf8)))
        let hash = digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        return [
            "name": .string(name), "hash": .string(hash), "kind": .string(kind.rawValue),
            "color": .string(Avatar.color(firstByte: digest[0])),
        ]
    }

    static func avatar(_ account: Account) -> JSONValue {
        switch account.kind {
        case .user: avatar(account.name, .user, email: account.email)
        case .organization: avatar(account.name, .organization, email: account.email)
        case .robot: avatar(account.name, .robot)
        }
    }
}
