extension Exchange {
    /// Sends `chunks` as the request's body in a task of its own, which ends with the transfer.
    func feed(_ chunks: any AsyncSequence<[UInt8], any Error> & Sendable, length: Int?) {
        let task = Task {
            do {
                var sent = 0
                for try await chunk in chunks {
                    sent += chunk.count
                    if let length, sent > length {
                        throw WebError.invalidRequest("The body is longer than \(length) bytes.")
                    }
                    try await send(chunk)
                }
                if let length, sent < length {
                    throw WebError.invalidRequest("The body ended after \(sent) of \(length) bytes.")
                }
                finishSending()
            } catch {
                // After the transfer's own end this changes nothing: the first end wins.
                fail(error)
            }
        }
        onEnd { task.cancel() }
    }
}
