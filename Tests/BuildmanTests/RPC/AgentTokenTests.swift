import BuildProtocol
import Domain
import Foundation
import GRPCCore
import GRPCNIOTransportHTTP2
import Runtime
import Secrets
import TestSupport
import Testing

@testable import Buildman
@testable import RegistryCore

/// Every token that isn't the right one, over the wire, in every call.
@Suite("Agent tokens", .timeLimit(.minutes(2))) struct AgentTokenTests {
    typealias Client = BuildmanPb_BuildManager.Client<HTTP2ClientTransport.Posix>

    enum Call: String, CaseIterable, Sendable {
        case register, heartbeat, phase, log, cachedTag

        func perform(with token: String, _ client: Client) async throws {
            switch self {
            case .register:
                var arguments = BuildmanPb_BuildJobArgs()
                arguments.registerJwt = token
                _ = try await client.registerBuildJob(arguments)
            case .heartbeat: _ = try await BuildManagerServiceTests.beat(token, client)
            case .phase: _ = try await client.setPhase(BuildManagerServiceTests.phase(.building, 1, token))
            case .log:
                _ = try await BuildManagerServiceTests.log(
                    [BuildManagerServiceTests.line(1, #"{"stream":"x"}"#, token)], client)
            case .cachedTag:
                var request = BuildmanPb_CachedTagRequest()
                request.jobJwt = token
                _ = try await client.determineCachedTag(request)
            }
        }

        var kind: JobTokens.Kind { self == .register ? .registration : .job }
    }

    /// What is wrong with a token, and what the log says about it.
    private static func forgeries(
        _ forge: TokenForge, _ kind: JobTokens.Kind, of manager: ManagerFixture, genuine: String
    ) throws -> [(name: String, token: String, reason: String)] {
        let other = try SigningKey.generate()
        let now = Int(manager.platform.clock.now.timeIntervalSince1970)
        let uuid = "00000000-0000-4000-8000-000000000000"
        let parts = genuine.split(separator: ".")
        let wrongKind: JobTokens.Kind = kind == .job ? .registration : .job
        var flipped = Array(genuine)
        flipped[flipped.count - 40] = flipped[flipped.count - 40] == "A" ? "B" : "A"
        return [
            ("nothing", "", "its length"),
            ("rubbish", "no.token.this", "its header"),
            ("two parts", parts[0...1].joined(separator: "."), "signature or claims"),
            ("endless", String(repeating: "a", count: 9000), "its length"),
            ("alg none", try forge.token(header: ["alg": "none"]) { _ in [] }, "its header"),
            ("no signature", "\(parts[0]).\(parts[1]).", "signature or claims"),
            (
                "HS256 with the public key",
                try forge.token(header: ["alg": "HS256"], sign: TokenForge.hs256(forge.key.publicPEM)), "its header"
            ),
            (
                "HS256 under the name RS256", try forge.token(sign: TokenForge.hs256(forge.key.publicPEM)),
                "signature or claims"
            ),
            ("RS512 in the header", try forge.token(header: ["alg": "RS512"]), "its header"),
            (
                "an unknown key", try forge.token(header: ["kid": other.keyID]) { try other.signature(for: $0) },
                "its header"
            ),
            ("another key under our name", try forge.token { try other.signature(for: $0) }, "signature or claims"),
            ("no key's name", try forge.token(header: ["kid": NSNull()]), "its header"),
            ("a critical extension", try forge.token(header: ["crit": ["exp"]]), "its header"),
            ("a flipped bit", String(flipped), "signature or claims"),
            ("another audience", try forge.token(claims: ["aud": "manager.elsewhere"]), "issuer or audience"),
            ("another issuer", try forge.token(claims: ["iss": "quay"]), "issuer or audience"),
            ("expired", try forge.token(claims: ["exp": now - 1]), "it has expired"),
            ("not yet valid", try forge.token(claims: ["nbf": now + 3600]), "it is not valid yet"),
            ("without an end", try forge.token(claims: ["exp": NSNull()]), "signature or claims"),
            ("of the other kind", try forge.token(context: ["token_type": wrongKind.rawValue]), "another kind"),
            ("of no kind", try forge.token(context: ["token_type": "superuser"]), "signature or claims"),
            ("another build in its context", try forge.token(context: ["build_id": uuid]), "its build and job differ"),
            ("a job that is none", try forge.token(context: ["job_id": "../../etc"]), "none of ours"),
            ("no context", try forge.token(claims: ["context": NSNull()]), "signature or claims"),
        ]
    }

    @Test(
        "SEC-Key/issuer trust: a token that is wrong in one thing opens nothing, and the log says why without showing it",
        arguments: Call.allCases)
    func forged(_ call: Call) async throws {
        let manager = try await ManagerFixture()
        _ = try await manager.request()
        try await manager.run { client in
            let launch = try await manager.nextLaunch()
            var genuine = launch.registrationToken
            // Calls of a job need one that is at work.
            if call != .register { genuine = try await BuildManagerServiceTests.register(launch, client).jobJwt }
            let forge = try await TokenForge(like: genuine, of: manager)
            for (name, token, reason) in try Self.forgeries(forge, call.kind, of: manager, genuine: genuine) {
                let before = manager.log.lines.count
                let error = await #expect(throws: RPCError.self, "\(name)") {
                    try await call.perform(with: token, client)
                }
                #expect(error?.code == .unauthenticated, "\(name): \(String(describing: error))")
                let said = manager.log.lines[before...].filter { $0.hasPrefix("an agent was refused") }
                #expect(said.count == 1 && said[0].contains(reason), "\(name): \(said)")
            }
            // The forge works: what it does not change is believed.
            try await call.perform(with: forge.token(), client)
        }
        for part in manager.log.lines.joined(separator: "\n").split(whereSeparator: { !$0.isLetter && !$0.isNumber }) {
            #expect(!part.hasPrefix("eyJ"), "a token is in the log")
        }
    }

    @Test("SEC-Key/issuer trust: each kind of token is good for its own calls only", arguments: Call.allCases)
    func kinds(_ call: Call) async throws {
        let manager = try await ManagerFixture()
        _ = try await manager.request()
        try await manager.run { client in
            let launch = try await manager.nextLaunch()
            let job = try await BuildManagerServiceTests.register(launch, client).jobJwt
            let wrong = call == .register ? job : launch.registrationToken
            let error = await #expect(throws: RPCError.self) { try await call.perform(with: wrong, client) }
            #expect(error?.code == .unauthenticated)
            #expect(manager.log.lines.contains { $0.contains("an agent was refused") && $0.contains("another kind") })
        }
    }

    @Test("SEC-Key/issuer trust: genuine tokens of an ended or unknown attempt open nothing") func ended() async throws
    {
        let manager = try await ManagerFixture()
        _ = try await manager.request()
        try await manager.run { client in
            let launch = try await manager.nextLaunch()
            let job = try await BuildManagerServiceTests.register(launch, client).jobJwt
            #expect(try await client.setPhase(BuildManagerServiceTests.phase(.complete, 1, job)).success)
            let until = manager.platform.clock.now + .seconds(60)
            let unknown = JobKey(buildUUID: launch.key.buildUUID, attempt: 7)
            let foreign = JobKey(buildUUID: "00000000-0000-4000-8000-000000000000", attempt: 1)
            var jobTokens = [job]
            var registrations = [launch.registrationToken]
            for key in [unknown, foreign] {
                jobTokens.append(try await manager.tokens.issue(.job, for: key, until: until))
                registrations.append(try await manager.tokens.issue(.registration, for: key, until: until))
            }
            for (call, tokens) in [(Call.register, registrations), (.cachedTag, jobTokens)] {
                for token in tokens {
                    let before = manager.log.lines.count
                    let error = await #expect(throws: RPCError.self) { try await call.perform(with: token, client) }
                    #expect(error?.code == .unauthenticated)
                    #expect(
                        manager.log.lines[before...].contains { $0.contains("its attempt has ended, or never was") })
                }
            }
            // These have an answer of their own for it, which original workers understand.
            for token in jobTokens {
                #expect(try await !BuildManagerServiceTests.beat(token, client))
                #expect(try await !client.setPhase(BuildManagerServiceTests.phase(.building, 2, token)).success)
                let line = BuildManagerServiceTests.line(1, #"{"stream":"x"}"#, token)
                #expect(try await BuildManagerServiceTests.log([line], client) == [false])
            }
        }
    }

    @Test("SEC-Build escape: a token that comes in the middle of a stream is checked like the first") func changed()
        async throws
    {
        let manager = try await ManagerFixture()
        let uuid = try await manager.request()
        try await manager.run { client in
            let job = try await BuildManagerServiceTests.register(manager.nextLaunch(), client).jobJwt
            let lines = [
                BuildManagerServiceTests.line(1, #"{"stream":"mine"}"#, job),
                BuildManagerServiceTests.line(2, #"{"stream":"stranger's"}"#, job + "x"),
            ]
            let error = await #expect(throws: RPCError.self) {
                _ = try await BuildManagerServiceTests.log(lines, client)
            }
            #expect(error?.code == .unauthenticated)
            #expect(try await BuildManagerServiceTests.beat(job, client))
        }
        #expect(try await !manager.log(uuid).contains { $0.message == "stranger's" })
    }
}
