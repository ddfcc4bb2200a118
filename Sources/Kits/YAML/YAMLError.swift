/// Why a text was not read as YAML, and where.
package struct YAMLError: Error, Hashable, CustomStringConvertible {
    package let problem: String
    package let mark: YAMLMark

    package var description: String { "\(mark): \(problem)" }
}
