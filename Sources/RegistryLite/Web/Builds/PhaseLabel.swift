import RegistryCore

/// A build's phase in words and in a mark, never in colour alone.
struct PhaseLabel: Sendable, Hashable {
    /// What kind of news it is: decides the mark and its colour.
    enum Mood: String, Sendable {
        case idle, live, good, bad, retry, off
    }

    /// As the API has it.
    let name: String
    /// One word, for lists.
    let word: String
    /// A sentence, for the build's own page. Source: Quay 9.4, build view.
    let sentence: String
    let mood: Mood
    /// The class name of the mood.
    let moodName: String

    /// - Parameter name: a phase of the API, with the two that no row holds (`expired`, `cannot_load`).
    init(_ name: String) {
        self.name = name
        (word, sentence, mood) = Self.known[name] ?? (name, name, .idle)
        moodName = mood.rawValue
    }

    private static let known: [String: (String, String, Mood)] = [
        "waiting": ("Waiting", "Waiting for available build worker", .idle),
        "build-scheduled": ("Preparing", "Preparing build node", .live),
        "unpacking": ("Unpacking", "Unpacking build package", .live),
        "pulling": ("Pulling", "Pulling base image", .live),
        "building": ("Building", "Building image from Dockerfile", .live),
        "pushing": ("Pushing", "Pushing image built from Dockerfile", .live),
        "complete": ("Complete", "Dockerfile build completed and pushed", .good),
        "error": ("Failed", "Dockerfile build failed", .bad),
        "cancelled": ("Cancelled", "This build was previously cancelled.", .off),
        "internalerror": (
            "Retrying",
            "An internal system error occurred while building; the build will be retried in the next few minutes.",
            .retry
        ),
        "expired": (
            "Expired",
            "Build did not complete after \(BuildService.maximumLaunches) attempts. Re-submit this build to try again.",
            .bad
        ),
        "cannot_load": ("Unknown", "Cannot load build status", .bad),
    ]

    /// Every phase and its sentence, a line each with a blank between, for the script that draws a live log.
    static let sentences = known.map { "\($0.key) \($0.value.1)" }.sorted().joined(separator: "\n")

    /// Whether nothing more will come: a page stops following the log.
    var isOver: Bool { ["complete", "error", "cancelled", "expired"].contains(name) }
}
