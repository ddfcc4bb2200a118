/// Decides which manifests nothing reaches: a pure walk over what holds what.
///
/// A manifest is held by a tag row, by an index that lists it, and by its subject. Counting holders is not enough: an
/// index whose subject is the image that it lists and that image hold each other. So the walk goes up from each
/// candidate until it meets a tag row, and where it meets none, all that it passed is unreachable as well.
enum UnreachableManifests {
    /// - Parameters:
    ///   - tagged: those among some manifests that a tag row points at.
    ///   - holders: what holds each of some manifests.
    /// - Returns: the unreachable ones among the candidates, and everything that holds them: all of it can go at once.
    static func among(
        _ candidates: [Int64], tagged: ([Int64]) throws -> Set<Int64>,
        holders: ([Int64]) throws -> [Int64: Set<Int64>]
    ) rethrows -> Set<Int64> {
        var seen = Set(candidates)
        var frontier = seen
        var heldBy: [Int64: Set<Int64>] = [:]
        var reached: Set<Int64> = []
        while !frontier.isEmpty {
            let marked = try tagged(frontier.sorted())
            reached.formUnion(marked)
            var next: Set<Int64> = []
            for (held, holders) in try holders(frontier.subtracting(marked).sorted()) {
                for holder in holders {
                    heldBy[holder, default: []].insert(held)
                    if seen.insert(holder).inserted { next.insert(holder) }
                }
            }
            frontier = next
        }
        // Down again: what a reached manifest holds is reached.
        frontier = reached
        while let holder = frontier.popFirst() {
            for held in heldBy[holder] ?? [] where reached.insert(held).inserted { frontier.insert(held) }
        }
        return seen.subtracting(reached)
    }
}
