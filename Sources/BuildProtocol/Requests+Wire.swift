package import Domain

// What an agent sends, made in one expression each.

extension BuildmanPb_BuildJobArgs {
    package init(registrationToken: BuildSecret) {
        self.init()
        registerJwt = registrationToken.text
    }
}

extension BuildmanPb_HeartbeatRequest {
    package init(jobToken: BuildSecret) {
        self.init()
        jobJwt = jobToken.text
    }
}

extension BuildmanPb_SetPhaseRequest {
    /// With empty pull metadata: the field is always there. Source: Quay 13.2.
    package init(jobToken: BuildSecret, number: Int32, phase: BuildmanPb_Phase) {
        self.init()
        jobJwt = jobToken.text
        sequenceNumber = number
        self.phase = phase
        pullMetadata = PullMetadata()
    }
}

extension BuildmanPb_LogMessageRequest {
    package init(jobToken: BuildSecret, number: Int32, json: String) {
        self.init()
        jobJwt = jobToken.text
        sequenceNumber = number
        logMessage = json
    }
}
