import Foundation

/// `WWW-Authenticate: Bearer realm="…",service="…"`: where a registry's tokens come from.
struct BearerChallenge: Sendable, Hashable {
    let realm: String
    let service: String?

    /// nil for anything but a bearer challenge with a realm.
    init?(_ header: String) {
        let parts = header.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer" else { return nil }
        var values: [String: String] = [:]
        for match in parts[1].matches(of: /(\w+)\s*=\s*"([^"]*)"/) {
            values[match.1.lowercased()] = String(match.2)
        }
        guard let realm = values["realm"], !realm.isEmpty else { return nil }
        self.realm = realm
        service = values["service"]
    }

    /// The realm with the service, and the scope that is asked for.
    func address(scope: String) -> String {
        var query = "scope=\(Self.escaped(scope))"
        if let service { query = "service=\(Self.escaped(service))&\(query)" }
        return realm + (realm.contains("?") ? "&" : "?") + query
    }

    private static func escaped(_ text: String) -> String {
        text.addingPercentEncoding(withAllowedCharacters: .alphanumerics.union(CharacterSet(charactersIn: "-._~/:")))
            ?? text
    }
}
