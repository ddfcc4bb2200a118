import struct SQL.DatabaseError

/// PostgreSQL's error codes (its manual's appendix A) in the words of the kit SQL.
enum SQLState {
    static func kind(of state: String?) -> DatabaseError.Kind {
        guard let state else { return .unreachable }
        switch state {
        case "23505": return .uniqueViolation
        case "23503": return .foreignKeyViolation
        case "40001", "40P01", "55P03": return .conflict
        case "53100": return .diskFull
        case "53300", "57P01", "57P02", "57P03", "3D000": return .unreachable
        default: break
        }
        switch state.prefix(2) {
        case "23": return .constraintViolation
        case "08", "28": return .unreachable
        default: return .statement
        }
    }

    /// Whether a transaction lost against another one: a serialisation failure or a deadlock.
    static func isConflict(_ state: String?) -> Bool { state == "40001" || state == "40P01" }
}
