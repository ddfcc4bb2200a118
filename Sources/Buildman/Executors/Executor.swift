import Domain

/// What an executor needs to start one builder.
struct BuilderLaunch: Sendable {
    let key: JobKey
    /// Good for one registration of this attempt. A secret.
    let registrationToken: String
    /// The address that builders dial: `host:port`.
    let server: String
    /// The agent dials without TLS.
    let isInsecure: Bool
    /// SERVER_HOSTNAME.
    let registryHostname: String
}

/// An executor could not start a builder, for a reason that a person can do something about.
struct ExecutorFailure: Error, Sendable, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// A builder that ended by itself.
struct BuilderEnd: Sendable {
    let key: JobKey
    /// For a person: how, and what it said last.
    let how: String
}

/// What the manager must know of an executor before it starts anything.
struct ExecutorProfile: Sendable {
    /// As logs, metrics and attempts show it.
    var name: String
    var rule = ExecutorSelection.Rule()
    /// How long a builder may take to register (SETUP_TIME).
    var setupTime: Duration = .seconds(500)
    /// What its builders dial: `host:port`, verbatim.
    var server: String
    /// Its builders end when the manager is told to stop; others go on and are taken over.
    var stopsWithManager: Bool
}

/// Tells which attempts are live, for an executor that looks for leftovers.
///
/// It is asked after the executor has listed what it finds: what is started later is not in the list, so that no old
/// answer makes a leftover of it. An attempt is live before its builder is started.
struct LiveAttempts: Sendable {
    private let ask: @Sendable (Set<JobKey>) async -> Set<JobKey>?

    init(_ ask: @escaping @Sendable (Set<JobKey>) async -> Set<JobKey>?) { self.ask = ask }

    /// Those of `found` that are live, whichever manager watches over them; nil when nobody can say now: then nothing may
    /// be ended.
    func among(_ found: Set<JobKey>) async -> Set<JobKey>? { await ask(found) }
}

/// Starts and stops builders in one place: processes of this machine, Jobs of a cluster, machines of a cloud.
///
/// `start` may be called again for the same attempt and then starts nothing new. `stop` may be called for a builder that
/// is gone, or never was, or that another manager started; when it returns, nothing of the builder that this executor can
/// reach runs any more.
protocol Executor: Sendable {
    var profile: ExecutorProfile { get }

    /// Starts the builder of one attempt and answers what this executor calls it. Throws ``ExecutorFailure``.
    func start(_ launch: BuilderLaunch) async throws -> String

    /// The builder of an attempt has its job: nobody needs any more what it was started with. Told again by a manager that
    /// takes over.
    func builderHasRegistered(_ key: JobKey) async

    /// Ends the builder of an attempt with everything that belongs to it.
    func stop(_ key: JobKey) async

    /// Ends whatever it finds of attempts that aren't live, and watches over the live ones that it finds running. Lists
    /// first and asks `live` then. At start, and every minute.
    func reap(keeping live: LiveAttempts) async

    /// Builders that end by themselves, from now on. One consumer.
    var ends: AsyncStream<BuilderEnd> { get }

    /// How many builders of ended attempts it keeps for a person to look at (DEBUG): each holds the place of a build.
    func keptBuilders() async -> Int
}

extension Executor {
    var name: String { profile.name }
    var rule: ExecutorSelection.Rule { profile.rule }
    var setupTime: Duration { profile.setupTime }
    var server: String { profile.server }
    var stopsWithManager: Bool { profile.stopsWithManager }

    func builderHasRegistered(_ key: JobKey) {}
}
