import BuildProtocol

extension BuildmanPb_PingReply {
    init(reply: String) {
        self.init()
        self.reply = reply
    }
}

extension BuildmanPb_HeartbeatResponse {
    init(reply: Bool) {
        self.init()
        self.reply = reply
    }
}

extension BuildmanPb_SetPhaseResponse {
    init(success: Bool, sequenceNumber: Int32) {
        self.init()
        self.success = success
        self.sequenceNumber = sequenceNumber
    }
}

extension BuildmanPb_LogMessageResponse {
    init(success: Bool, sequenceNumber: Int32) {
        self.init()
        self.success = success
        self.sequenceNumber = sequenceNumber
    }
}

extension BuildmanPb_CachedTag {
    init(tag: String) {
        self.init()
        self.cachedTag = tag
    }
}
