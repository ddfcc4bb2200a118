/// One hop of a request, checked and ready to be performed by the loop.
struct TransferPlan: Sendable {
    enum Body: Sendable {
        case none
        case bytes([UInt8])
        case file(path: String, size: Int)
        /// Comes through the exchange.
        case stream(length: Int?)
    }

    var url: WebURL
    var method: WebRequest.Method
    var headers: WebHeaders
    var body: Body
    var timeouts: WebRequest.Timeouts
    var maximumBodyBytes: Int?
    var addresses: AddressPolicy
    var trust: Trust
    var userAgent: String

    /// ``TLSTrust`` with its files read.
    struct Trust: Sendable {
        let authorities: [UInt8]?
        let usesSystemAuthorities: Bool
        let certificate: [UInt8]?
        let key: [UInt8]?

        init(_ trust: TLSTrust) throws(WebError) {
            switch trust.authorities {
            case .system:
                authorities = nil
                usesSystemAuthorities = true
            case .systemAnd(let more):
                authorities = try Self.joined(more)
                usesSystemAuthorities = true
            case .only(let these):
                authorities = try Self.joined(these)
                usesSystemAuthorities = false
            }
            certificate = try trust.identity?.certificate.bytes()
            key = try trust.identity?.key.bytes()
        }

        private static func joined(_ files: [TLSTrust.PEM]) throws(WebError) -> [UInt8] {
            var all: [UInt8] = []
            for file in files { all += try file.bytes() + [UInt8(ascii: "\n")] }
            return all
        }
    }
}
