/// Every operation of `/api/v1`, a line for each room.
enum Features {
    static let routes: [APIRoute] =
        MetaRoutes.routes
        + AccountRoutes.routes
        + SignInRoutes.routes
        + AppTokenRoutes.routes
        + OrganizationRoutes.routes
        + NamespaceSettingsRoutes.routes
        + QuotaRoutes.routes
        + RobotRoutes.routes
        + PermissionRoutes.routes
        + RepositoryRoutes.routes
        + TagRoutes.routes
        + ImmutabilityRoutes.routes
        + RepositoryManifestRoutes.routes
        + BuildRoutes.routes
}
