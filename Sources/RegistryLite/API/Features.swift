/// Every operation of `/api/v1`, a line for each room.
enum Features {
    static let routes: [APIRoute] =
        MetaRoutes.routes
        + AccountRoutes.routes
        + SignInRoutes.routes
        + OrganizationRoutes.routes
        + RobotRoutes.routes
        + PermissionRoutes.routes
        + RepositoryRoutes.routes
        + BuildRoutes.routes
}
