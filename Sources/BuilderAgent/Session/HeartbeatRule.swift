/// When heartbeats say that the attempt is over. Source: Quay 13.5; contract, "Behaviour".
struct HeartbeatRule: Sendable, Hashable {
    enum Action: Sendable, Hashable {
        case beatAfterPause
        case beatAtOnce
        /// The manager says that the attempt is no longer live.
        case stop
    }

    /// This many refusals in a row end the build.
    static let refusalLimit = 3

    private var refusals = 0

    mutating func replied(_ isAlive: Bool) -> Action {
        refusals = isAlive ? 0 : refusals + 1
        if refusals == 0 { return .beatAfterPause }
        return refusals < Self.refusalLimit ? .beatAtOnce : .stop
    }
}
