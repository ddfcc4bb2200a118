import Dispatch

/// Runs an actor on a dispatch queue of its own: for C handles that belong to one thread at a time, and for calls that block.
///
/// The actor keeps it in a property and answers it as `unownedExecutor`; with `isolated deinit` the handle is closed there too.
package final class QueueExecutor: SerialExecutor {
    private let queue: DispatchQueue

    package init(label: String) { queue = DispatchQueue(label: label) }

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { job.runSynchronously(on: self.asUnownedSerialExecutor()) }
    }
}
