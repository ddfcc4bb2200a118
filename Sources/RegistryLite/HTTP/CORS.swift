import HTTPTypes

/// The headers that let pages of other origins call the API. Source: Quay, CORS.
struct CORS: Sendable {
    /// Empty: anybody may call, but no browser sends a session along.
    let origins: Set<String>

    /// - Parameter origin: the request's Origin header.
    func headers(origin: String?) -> HTTPFields {
        var headers: HTTPFields = [
            .accessControlAllowMethods: "GET, HEAD, OPTIONS, POST, DELETE, PUT",
            .accessControlAllowHeaders: "Authorization, Content-Type, X-Requested-With",
            .accessControlAllowOrigin: "*",
        ]
        guard !origins.isEmpty else { return headers }
        headers[.vary] = "Origin"
        guard let origin, origins.contains(origin) else {
            headers[.accessControlAllowOrigin] = nil
            return headers
        }
        headers[.accessControlAllowOrigin] = origin
        headers[.accessControlAllowCredentials] = "true"
        headers[.accessControlAllowHeaders] =
            "Authorization, Content-Type, X-Requested-With, Cookie, X-CSRF-Token"
        return headers
    }
}
