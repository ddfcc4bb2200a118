/// The SMTP server for mails.
package struct MailSection: Sendable {
    /// MAIL_SERVER; nil: no mail can be sent.
    package let host: String?
    package let port: Int
    /// MAIL_USE_TLS: STARTTLS is required.
    package let usesTLS: Bool
    /// MAIL_USERNAME, MAIL_PASSWORD; nil: no authentication.
    package let username: String?
    package let password: String?
    /// MAIL_DEFAULT_SENDER: the From address.
    package let sender: String
}

extension MailSection {
    init(_ reader: SectionReader, hostname: String) {
        host = reader.nonEmptyText("MAIL_SERVER")
        port = reader.integer("MAIL_PORT", default: 587, in: 1...65_535)
        usesTLS = reader.bool("MAIL_USE_TLS", default: true)
        username = reader.nonEmptyText("MAIL_USERNAME")
        password = reader.nonEmptyText("MAIL_PASSWORD")
        let standard = "registry@\(HostAndPort(hostname)?.host ?? "localhost")"
        let written = reader.nonEmptyText("MAIL_DEFAULT_SENDER")
        let isAddress = written.map { $0.contains("@") && !$0.contains { $0.isNewline } } ?? true
        if !isAddress { reader.problem("MAIL_DEFAULT_SENDER", "Expected an e-mail address.") }
        sender = isAddress ? written ?? standard : standard
        if let host, HostAndPort(host)?.port != nil || HostAndPort(host) == nil {
            reader.problem("MAIL_SERVER", "Expected a host name; the port belongs to MAIL_PORT.")
        }
        if (username == nil) != (password == nil) {
            reader.problem(
                username == nil ? "MAIL_PASSWORD" : "MAIL_USERNAME", "MAIL_USERNAME and MAIL_PASSWORD belong together.")
        }
    }
}
