/// Delivery of repository events.
package struct NotificationsSection: Sendable {
    /// NOTIFICATION_QUEUE_NAME.
    package let queueName: String
    /// NOTIFICATION_SEND_TIMEOUT: how long one delivery may take.
    package let sendTimeout: Duration
}

extension NotificationsSection {
    init(_ reader: SectionReader) {
        queueName = reader.text("NOTIFICATION_QUEUE_NAME", default: "notification")
        sendTimeout = reader.seconds("NOTIFICATION_SEND_TIMEOUT", default: 10, atLeast: 0.1)
    }
}

/// The vulnerability scanner, an outside program.
package struct SecurityScanSection: Sendable {
    /// SECURITY_SCANNER_V4_ENDPOINT; nil: no scanner.
    package let endpoint: String?
    /// SECURITY_SCANNER_V4_PSK: base 64, a secret.
    package let presharedKey: String?
    package let indexingInterval: Duration
    package let notificationQueueName: String
}

extension SecurityScanSection {
    init(_ reader: SectionReader) {
        endpoint = reader.webAddress("SECURITY_SCANNER_V4_ENDPOINT")
        presharedKey = reader.nonEmptyText("SECURITY_SCANNER_V4_PSK")
        indexingInterval = reader.seconds("SECURITY_SCANNER_INDEXING_INTERVAL", default: 30, atLeast: 0.1)
        notificationQueueName = reader.text("SECSCAN_V4_NOTIFICATION_QUEUE_NAME", default: "secscanv4")
    }
}
