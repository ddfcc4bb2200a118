extension V2Path {
    /// The path without anything that a client chose, for logs and metrics.
    var template: String {
        if case .blob = self { return "/v2/{name}/blobs/{digest}" }
        if case .manifest = self { return "/v2/{name}/manifests/{reference}" }
        if case .upload = self { return "/v2/{name}/blobs/uploads/{uuid}" }
        if case .uploads = self { return "/v2/{name}/blobs/uploads/" }
        if case .tags = self { return "/v2/{name}/tags/list" }
        if case .referrers = self { return "/v2/{name}/referrers/{digest}" }
        if case .token = self { return "/v2/auth" }
        if case .catalog = self { return "/v2/_catalog" }
        return "/v2/"
    }
}
