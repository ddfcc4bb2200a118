import AWS
import Foundation
import Logging
import RegistryCore
import Runtime
import WebRequests

/// Finds the image that builders start from: the one that is named, or the newest of a stream of Fedora CoreOS.
actor ImageLookup {
    /// How long an answer is good. Streams move every other week.
    private static let lifetime: TimeInterval = 6 * 3600

    private let settings: EC2Settings
    private let client: EC2Client
    private let clock: WallClock
    private let logger: Logger
    // The administrator named the address, or left it at the project's own.
    private let web = WebClient(addresses: .any)
    private var known: (image: EC2Image, since: Date)?

    init(_ settings: EC2Settings, client: EC2Client, clock: WallClock, logger: Logger) {
        self.settings = settings
        self.client = client
        self.clock = clock
        self.logger = logger
    }

    /// Throws ``ExecutorFailure`` when none was found, now or in the last hours.
    func image() async throws -> EC2Image {
        if let known, clock.now.timeIntervalSince(known.since) < Self.lifetime { return known.image }
        do {
            let image = try await lookUp()
            if image.id != known?.image.id {
                logger.info(
                    "builders of EC2 start from an image",
                    metadata: ["image": "\(image.id)", "root": "\(image.rootDevice)"])
            }
            known = (image, clock.now)
            return image
        } catch {
            guard let known else { throw error }
            logger.warning(
                "the image of builders can't be looked up; the last one is used",
                metadata: ["image": "\(known.image.id)", "error": "\(error)"])
            return known.image
        }
    }

    private func lookUp() async throws -> EC2Image {
        let id = if let named = settings.image { named } else { try await newestOfStream() }
        let image: EC2Image?
        do { image = try await client.image(id) } catch let error as EC2Error {
            throw ExecutorFailure("\(error)")
        }
        guard let image else {
            throw ExecutorFailure("The region \(settings.region) has no image \(id), or this account may not use it.")
        }
        guard image.state.isEmpty || image.state == "available" else {
            throw ExecutorFailure("The image \(id) is \(image.state).")
        }
        return image
    }

    /// The part of a stream's description that matters. Source: Fedora CoreOS, stream metadata.
    private struct Stream: Decodable {
        struct Architecture: Decodable { let images: Images }
        struct Images: Decodable { let aws: Cloud? }
        struct Cloud: Decodable { let regions: [String: Release] }
        struct Release: Decodable { let image: String }

        let architectures: [String: Architecture]
    }

    private func newestOfStream() async throws -> String {
        var address = settings.streamsAddress
        while address.hasSuffix("/") { address.removeLast() }
        address += "/\(settings.channel).json"
        var request = WebRequest(.get, address)
        request.timeouts = .init(total: .seconds(20), connect: .seconds(5))
        let stream: Stream
        do {
            let answer = try await web.send(request).requiringSuccess()
            stream = try JSONDecoder().decode(Stream.self, from: Data(answer.body))
        } catch let error as WebError {
            throw ExecutorFailure("The stream \(settings.channel) of COREOS_CHANNEL can't be read: \(error)")
        } catch is DecodingError {
            throw ExecutorFailure("What \(address) answers is no description of a stream.")
        }
        guard let image = stream.architectures["x86_64"]?.images.aws?.regions[settings.region]?.image else {
            throw ExecutorFailure(
                "The stream \(settings.channel) has no image for x86_64 in \(settings.region): set COREOS_AMI.")
        }
        return image
    }
}
