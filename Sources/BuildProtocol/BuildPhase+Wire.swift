package import Domain

extension BuildmanPb_Phase {
    /// Nil for phases that agents never report: only the manager sets those.
    package init?(_ phase: BuildPhase) {
        switch phase {
        case .waiting: self = .waiting
        case .unpacking: self = .unpacking
        case .pulling: self = .pulling
        case .building: self = .building
        case .pushing: self = .pushing
        case .complete: self = .complete
        case .error: self = .error
        case .scheduled, .internalError, .cancelled: return nil
        }
    }
}

extension BuildPhase {
    /// Nil for a number that this version doesn't know.
    package init?(wire: BuildmanPb_Phase) {
        switch wire {
        case .waiting: self = .waiting
        case .unpacking: self = .unpacking
        case .pulling: self = .pulling
        case .building: self = .building
        case .pushing: self = .pushing
        case .complete: self = .complete
        case .error: self = .error
        case .UNRECOGNIZED: return nil
        }
    }
}
