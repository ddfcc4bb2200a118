import Domain
import Foundation

/// The facts of one event under the keys of its payload, without those that every event of a repository has.
///
/// No build has a trigger yet, so a queued one has no key of one, and the others say so. Source: Quay 7.2 and 12.5.
enum EventData {
    static func json(of event: DomainEvent) throws -> String {
        switch event {
        case .repositoryPush(let tags): try text(Push(updated_tags: tags))
        case .buildQueued(let build, let requester):
            try text(
                Queued(
                    build_id: build.uuid, docker_tags: build.dockerTags, is_manual: requester.isManual,
                    manual_user: requester.user))
        case .buildStarted(let build), .buildCancelled(let build): try text(BuildFacts(build))
        case .buildSucceeded(let build, let product):
            try text(
                BuildFacts(
                    build, imageID: product.imageID, manifests: product.manifests.isEmpty ? nil : product.manifests))
        case .buildFailed(let build, let error): try text(BuildFacts(build, error: error))
        }
    }

    private static func text(_ value: some Encodable) throws -> String {
        String(decoding: try JSONEncoder.sorted.encode(value), as: UTF8.self)
    }

    private struct Push: Encodable {
        let updated_tags: [String]
    }

    private struct Queued: Encodable {
        let build_id: String
        let docker_tags: [String]
        let is_manual: Bool
        let manual_user: String?

        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: Key.self)
            try container.encode(build_id, forKey: "build_id")
            try container.encode(docker_tags, forKey: "docker_tags")
            try container.encode(is_manual, forKey: "is_manual")
            try container.encode(manual_user, forKey: "manual_user")
        }
    }

    private struct BuildFacts: Encodable {
        let build: BuildSubject
        let error: String?
        let imageID: String?
        let manifests: [String]?

        init(_ build: BuildSubject, error: String? = nil, imageID: String? = nil, manifests: [String]? = nil) {
            self.build = build
            self.error = error
            self.imageID = imageID
            self.manifests = manifests
        }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: Key.self)
            try container.encode(build.uuid, forKey: "build_id")
            try container.encode(build.displayName, forKey: "build_name")
            try container.encode(build.dockerTags, forKey: "docker_tags")
            try container.encodeNil(forKey: "trigger_id")
            try container.encodeNil(forKey: "trigger_kind")
            try container.encode([String: String](), forKey: "trigger_metadata")
            try container.encodeIfPresent(error, forKey: "error_message")
            try container.encodeIfPresent(imageID, forKey: "image_id")
            try container.encodeIfPresent(manifests, forKey: "manifest_digests")
        }
    }

    private struct Key: CodingKey, ExpressibleByStringLiteral {
        let stringValue: String
        var intValue: Int? { nil }

        init(stringLiteral text: String) { stringValue = text }
        init?(stringValue text: String) { stringValue = text }
        init?(intValue number: Int) { nil }
    }
}
