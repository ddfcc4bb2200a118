import Synchronization

/// The one task with which a driver watches its database for signals: begun with the first listener, ended on request.
package final class WatchTask: Sendable {
    private let task = Mutex<Task<Void, Never>?>(nil)

    package init() {}

    /// Begins `watch`, unless it runs already. Call after the listener is in the hub.
    package func start(_ watch: @escaping @Sendable () async -> Void) {
        task.withLock { task in
            guard task == nil else { return }
            task = Task { await watch() }
        }
    }

    /// Ends soon; ``stop()`` waits for it.
    package func cancel() { task.withLock { $0?.cancel() } }

    package func stop() async {
        let running = task.withLock { $0 }
        running?.cancel()
        await running?.value
    }

    /// Whether the watch must go on; after `false` it has to return, and the next ``start(_:)`` begins another.
    ///
    /// `isNeeded` is asked under the lock that ``start(_:)`` takes: a listener that comes just now either keeps this
    /// watch or begins the next.
    package func goesOn(while isNeeded: () -> Bool) -> Bool {
        task.withLock { task in
            if isNeeded() { return true }
            task = nil
            return false
        }
    }
}
