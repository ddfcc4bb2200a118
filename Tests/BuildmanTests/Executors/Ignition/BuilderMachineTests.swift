import Domain
import Foundation
import RegistryCore
import TestSupport
import Testing

@testable import Buildman

@Suite("A builder's machine") struct BuilderMachineTests {
    static let certificate = "-----BEGIN CERTIFICATE-----\nMIIB+/abc=\n-----END CERTIFICATE-----\n"
    static let other = "-----BEGIN CERTIFICATE-----\nMIICother=\n-----END CERTIFICATE-----\n"
    static let key = JobKey(buildUUID: "1f0c5b1e-8f5e-4d7a-9c3b-0a1b2c3d4e5f", attempt: 2)

    static let settings = BuilderMachine.Settings(
        workerImage: "registry.example:5000/quay/builder", workerTag: "v3.4.0", workerUsername: "robot+pull",
        workerPassword: "geheim")

    static func launch(
        token: String = "eyJ.token_of-the.attempt", server: String = "buildman.example:443",
        registry: String = "registry.example:5000", isInsecure: Bool = false, key: JobKey = key
    ) -> BuilderLaunch {
        BuilderLaunch(
            key: key, registrationToken: token, server: server, isInsecure: isInsecure, registryHostname: registry)
    }

    static func document(
        _ change: (inout BuilderMachine.Settings) -> Void = { _ in }, _ launch: BuilderLaunch = launch()
    ) throws -> IgnitionDocument {
        var settings = settings
        change(&settings)
        return try IgnitionDocument(try BuilderMachine(settings).document(for: launch))
    }

    @Test("is the same text for the same build") func isDeterministic() throws {
        let machine = try BuilderMachine(Self.settings)
        #expect(try machine.document(for: Self.launch()) == machine.document(for: Self.launch()))
    }

    @Test("is named after the build, and hands the agent its environment for root only") func environment() throws {
        let document = try Self.document()
        #expect(document.files["/etc/hostname"]?.text == "1f0c5b1e-8f5e-4d7a-9c3b-0a1b2c3d4e5f\n")
        let file = try #require(document.files["/root/overrides.list"])
        #expect(file.mode == 0o600)
        #expect(
            file.text == """
                TOKEN=eyJ.token_of-the.attempt
                SERVER=buildman.example:443
                REGISTRY_HOSTNAME=registry.example:5000
                CONTAINER_RUNTIME=podman

                """)
        let plain = try Self.document(
            {
                $0.runtime = .docker
                $0.httpProxy = "http://user:a%23b@proxy:3128"
                $0.noProxy = "localhost, .example"
            }, Self.launch(isInsecure: true))
        #expect(
            plain.files["/root/overrides.list"]?.text == """
                TOKEN=eyJ.token_of-the.attempt
                SERVER=buildman.example:443
                INSECURE=true
                REGISTRY_HOSTNAME=registry.example:5000
                CONTAINER_RUNTIME=docker
                HTTP_PROXY=http://user:a%23b@proxy:3128
                NO_PROXY=localhost, .example
                http_proxy=http://user:a%23b@proxy:3128
                no_proxy=localhost, .example

                """)
    }

    @Test("SEC-Secrets shown to readers: token and password stand in files of root, never in a unit or a command")
    func secrets() throws {
        let document = try Self.document()
        let password = Data("robot+pull:geheim".utf8).base64EncodedString()
        for (path, file) in document.files {
            let isSecret =
                file.text.contains("eyJ.token_of") || file.text.contains(password) || file.text.contains("geheim")
            #expect(!isSecret || file.mode == 0o600, "\(path)")
        }
        #expect(document.files["/root/worker/config.json"]?.text.contains(password) == true)
        #expect(document.folders["/root/worker"] == 0o700)
        for unit in document.units.values {
            #expect(!unit.contents.contains("eyJ") && !unit.contents.contains(password))
        }
    }

    @Test("the login is for the worker's registry only, also when that is docker's hub") func logins() throws {
        let one = try #require(try Self.document().files["/root/worker/config.json"])
        #expect(one.text == #"{"auths":{"registry.example:5000":{"auth":"cm9ib3QrcHVsbDpnZWhlaW0="}}}"#)
        let hub = try #require(
            try Self.document { $0.workerImage = "someone/builder" }.files["/root/worker/config.json"])
        #expect(hub.text.contains(#""docker.io":"#) && hub.text.contains(#""https://index.docker.io/v1/":"#))
    }

    @Test("believes the given authorities once each, for the system and for the registry") func authorities() throws {
        let folder = try TemporaryFolder()
        let more = try folder.write(Self.certificate + Self.other, to: "more.crt")
        let document = try Self.document {
            $0.authorityPEM = "Some words before.\r\n" + Self.certificate.replacing("\n", with: "\r\n")
            $0.authorityFiles = [more, more]
        }
        let anchors = "/etc/pki/ca-trust/source/anchors"
        #expect(document.files["\(anchors)/ssl.cert"]?.text == Self.certificate)
        #expect(document.files["\(anchors)/extra_ca_cert_1.crt"]?.text == Self.other)
        #expect(document.files["\(anchors)/extra_ca_cert_2.crt"] == nil)
        let certs = "/etc/containers/certs.d/registry.example:5000"
        #expect(document.links["\(certs)/ca.crt"] == "\(anchors)/ssl.cert")
        #expect(document.links["\(certs)/ca-2.crt"] == "\(anchors)/extra_ca_cert_1.crt")
        let docker = try Self.document {
            $0.runtime = .docker
            $0.authorityPEM = Self.certificate
        }
        #expect(docker.links.keys.sorted() == ["/etc/docker/certs.d/registry.example:5000/ca.crt"])
    }

    @Test("SEC-Secrets shown to readers: a key beside a certificate stays where it is") func keysStay() throws {
        let folder = try TemporaryFolder()
        let both = try folder.write(
            "-----BEGIN PRIVATE KEY-----\ngeheim\n-----END PRIVATE KEY-----\n" + Self.certificate
                + "-----BEGIN PRIVATE KEY-----\ngeheim\n-----END PRIVATE KEY-----\n", to: "both.pem")
        let document = try Self.document { $0.authorityFiles = [both] }
        #expect(document.files.values.allSatisfy { !$0.text.contains("PRIVATE") && !$0.text.contains("geheim\n") })
        #expect(document.files["/etc/pki/ca-trust/source/anchors/ssl.cert"]?.text == Self.certificate)
    }

    @Test("SEC-Build escape: nobody signs in without a key, and the cloud's metadata is out of reach") func walls()
        throws
    {
        let closed = try Self.document()
        #expect(closed.keys.isEmpty)
        for name in ["sshd.service", "sshd.socket", "ssh.service", "ssh.socket"] {
            #expect(closed.units[name]?.mask == true, "\(name)")
        }
        let metadata = try #require(closed.units["disable-aws-metadata.service"])
        #expect(metadata.enabled == true && metadata.contents.contains("prohibit 169.254.169.254/32"))
        let builder = try #require(closed.units["quay-builder.service"]?.contents)
        #expect(builder.contains("\nRequires=disable-aws-metadata.service\n"))
        #expect(closed.units.keys.allSatisfy { !$0.contains("gatewayd") })

        let open = try Self.document {
            $0.authorizedKeys = ["ssh-ed25519 AAAA a", "ssh-ed25519 AAAA a", "ssh-rsa B b"]
        }
        #expect(open.keys == ["ssh-ed25519 AAAA a", "ssh-rsa B b"])
        #expect(open.units["sshd.service"]?.enabled == true && open.units["ssh.service"] == nil)
        let cloud = try Self.document { $0.hasForeignKeys = true }
        #expect(cloud.units["sshd.service"]?.mask == nil)
    }

    @Test("ends with its build, and after its longest time; with DEBUG only then") func ends() throws {
        let document = try Self.document { $0.maximumLifetime = .milliseconds(90_500) }
        let builder = try #require(document.units["quay-builder.service"])
        #expect(builder.enabled == true)
        #expect(builder.contents.contains("SuccessAction=poweroff\nFailureAction=poweroff\n"))
        #expect(builder.contents.contains("\nTimeoutStartSec=infinity\n"))
        let lifetime = try #require(document.units["machine-lifetime.service"])
        #expect(lifetime.enabled == true && lifetime.contents.contains("sleep 91; exec systemctl poweroff"))

        let kept = try Self.document { $0.staysOn = true }
        #expect(kept.units["quay-builder.service"]?.contents.contains("poweroff") == false)
        #expect(kept.units["disable-aws-metadata.service"]?.contents.contains("poweroff") == false)
        #expect(
            kept.units["machine-lifetime.service"]?.contents.contains("sleep 7200; exec systemctl poweroff") == true)
    }

    @Test("lets the engine speak to a registry without TLS, where it has none") func insecureRegistry() throws {
        let podman = try Self.document { $0.isRegistryInsecure = true }
        #expect(
            podman.files["/etc/containers/registries.conf.d/50-builder.conf"]?.text
                == "[[registry]]\nlocation = \"registry.example:5000\"\ninsecure = true\n")
        #expect(podman.links.isEmpty)
        let docker = try Self.document {
            $0.isRegistryInsecure = true
            $0.runtime = .docker
        }
        #expect(
            docker.files["/etc/docker/daemon.json"]?.text == "{\"insecure-registries\": [\"registry.example:5000\"]}\n")
    }

    @Test(
        "SEC-Build escape: no value breaks out of the environment file",
        arguments: ["a\nTOKEN=b", "a\rb", "a\u{0}b", "\"a", "a'b", "a\\b", "a#b", "$a", "`a`", " a", "a ", "ä"])
    func environmentIsOneLineEach(_ value: String) throws {
        let machine = try BuilderMachine(Self.settings)
        for launch in [Self.launch(token: value), Self.launch(server: value), Self.launch(registry: value)] {
            #expect(throws: ExecutorFailure.self) { try machine.document(for: launch) }
        }
        for change in [\BuilderMachine.Settings.httpProxy, \.httpsProxy, \.noProxy] {
            var settings = Self.settings
            settings[keyPath: change] = value
            #expect(throws: ExecutorFailure.self) { try BuilderMachine(settings) }
        }
    }

    @Test(
        "SEC-Build escape: no value breaks out of the script or the units",
        arguments: ["a'; touch /x; '", "a\nExecStart=/x", "a b", "$(x)", "", "../../x", "-a"])
    func scriptsAreFixed(_ value: String) throws {
        var image = Self.settings
        image.workerImage = value
        #expect(throws: ExecutorFailure.self) { try BuilderMachine(image) }
        var tag = Self.settings
        tag.workerTag = value
        #expect(throws: ExecutorFailure.self) { try BuilderMachine(tag) }
    }

    @Test("refuses what can't be written down") func refuses() throws {
        var colon = Self.settings
        colon.workerUsername = "a:b"
        #expect(throws: ExecutorFailure.self) { try BuilderMachine(colon) }
        var key = Self.settings
        key.authorizedKeys = ["ssh-rsa A\nssh-rsa B"]
        #expect(throws: ExecutorFailure.self) { try BuilderMachine(key) }
        let machine = try BuilderMachine(Self.settings)
        for name in ["x", "1f0c5b1e\n8f5e-4d7a-9c3b-0a1b2c3d4e5f"] {
            let launch = Self.launch(key: JobKey(buildUUID: name, attempt: 1))
            #expect(throws: ExecutorFailure.self) { try machine.document(for: launch) }
        }
        #expect(throws: ExecutorFailure.self) { try Self.document { $0.authorityFiles = ["/nowhere/ca.crt"] } }
    }

    @Test("odd values of a password and a file arrive as they were written") func roundTrip() throws {
        let password = "ä\"\\\n+%41 ' $"
        let document = try Self.document { $0.workerPassword = password }
        let login = try #require(document.files["/root/worker/config.json"]?.text)
        #expect(login.contains(Data("robot+pull:\(password)".utf8).base64EncodedString()))
        for text in ["", "a+b%41 c\n\t\u{0}ä🙂", String(repeating: "🙂", count: 50)] {
            let config = IgnitionConfig(storage: .init(files: [.init("/a", text)]))
            #expect(try IgnitionDocument(config.json()).files["/a"]?.text == text)
        }
    }
}
