/// Finds the word that somebody probably meant.
enum Spelling {
    /// The nearest of `words`, if it is near enough: up to two wrong, missing, extra or swapped letters, fewer in short words.
    static func suggestion(for word: String, among words: some Sequence<String>) -> String? {
        let limit = min(2, word.count / 4)
        let written = Array(word.uppercased())
        return words.lazy
            .filter { abs($0.count - written.count) <= limit }
            .map { (word: $0, distance: distance(written, Array($0.uppercased()))) }
            .filter { $0.distance <= limit && $0.word != word }
            .min { ($0.distance, $0.word) < ($1.distance, $1.word) }?.word
    }

    /// Edits between two words, where a swap of neighbours is one edit (optimal string alignment).
    private static func distance(_ left: [Character], _ right: [Character]) -> Int {
        var rows = [[Int]](repeating: [Int](repeating: 0, count: right.count + 1), count: left.count + 1)
        for row in 0...left.count { rows[row][0] = row }
        for column in 0...right.count { rows[0][column] = column }
        guard !left.isEmpty, !right.isEmpty else { return max(left.count, right.count) }
        for row in 1...left.count {
            for column in 1...right.count {
                let substitution = rows[row - 1][column - 1] + (left[row - 1] == right[column - 1] ? 0 : 1)
                rows[row][column] = min(rows[row - 1][column] + 1, rows[row][column - 1] + 1, substitution)
                if row > 1, column > 1, left[row - 1] == right[column - 2], left[row - 2] == right[column - 1] {
                    rows[row][column] = min(rows[row][column], rows[row - 2][column - 2] + 1)
                }
            }
        }
        return rows[left.count][right.count]
    }
}
