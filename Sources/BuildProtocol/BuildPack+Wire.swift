package import Domain

/// A build pack that no build can be made from.
package struct BuildPackMalformed: Error, Sendable, Hashable, CustomStringConvertible {
    package let description: String
}

extension BuildmanPb_BuildPack {
    package init(_ pack: BuildPack) {
        self.init()
        jobJwt = pack.jobToken.text
        buildID = pack.buildID
        attempt = Int32(clamping: pack.attempt)
        switch pack.source {
        case .package(let package):
            packageURL = package.url
            packageURLTrusted = package.isTrusted
            allowedPrivateNetworks = package.allowedPrivateNetworks
        case .git(let git):
            gitPackage = GitPackage(git)
        }
        context = pack.context
        dockerfilePath = pack.dockerfilePath
        repository = pack.registry.repository.text
        registry = pack.registry.host
        registryInsecure = pack.registry.isInsecure
        pullToken = pack.registry.pullToken?.text ?? ""
        pushToken = pack.registry.pushToken.text
        tagNames = pack.tags.map(\.text)
        stagingTag = pack.stagingTag?.text ?? ""
        for login in pack.baseImageLogins {
            // An original worker knows one login, for the registry itself.
            if login.registry == pack.registry.host, !hasBaseImage {
                baseImage.username = login.username
                baseImage.password = login.password.text
            } else {
                registryCredentials.append(RegistryCredentials(login))
            }
        }
        buildArguments = pack.buildArguments
    }
}

extension BuildmanPb_BuildPack.GitPackage {
    fileprivate init(_ git: BuildGitSource) {
        self.init()
        url = git.url
        sha = git.commit
        privateKey = git.privateKey?.text ?? ""
        knownHosts = git.knownHosts
        ref = git.ref ?? ""
    }
}

extension BuildmanPb_BuildPack.RegistryCredentials {
    fileprivate init(_ login: RegistryLogin) {
        self.init()
        registry = login.registry
        username = login.username
        password = login.password.text
    }
}

extension BuildPack {
    /// Reads what a manager sent. Throws ``BuildPackMalformed`` when the source, the target or every tag is missing.
    package init(wire: BuildmanPb_BuildPack) throws(BuildPackMalformed) {
        guard !wire.registry.isEmpty else { throw BuildPackMalformed(description: "The build pack names no registry.") }
        guard !wire.tagNames.isEmpty else { throw BuildPackMalformed(description: "The build pack names no tag.") }
        var logins: [RegistryLogin] = []
        if !wire.baseImage.username.isEmpty {
            logins.append(
                RegistryLogin(
                    registry: wire.registry, username: wire.baseImage.username,
                    password: BuildSecret(wire.baseImage.password)))
        }
        logins += wire.registryCredentials.map {
            RegistryLogin(registry: $0.registry, username: $0.username, password: BuildSecret($0.password))
        }
        self.init(
            jobToken: BuildSecret(wire.jobJwt), buildID: wire.buildID, attempt: Int(wire.attempt),
            source: try Source(wire: wire), context: wire.context, dockerfilePath: wire.dockerfilePath,
            registry: try BuildRegistry(wire: wire), tags: try Self.tags(wire.tagNames),
            stagingTag: wire.stagingTag.isEmpty ? nil : try Self.tags([wire.stagingTag]).first, baseImageLogins: logins,
            buildArguments: wire.buildArguments)
    }

    private static func tags(_ names: [String]) throws(BuildPackMalformed) -> [TagName] {
        var tags: [TagName] = []
        for name in names {
            do { tags.append(try TagName(name)) } catch {
                throw BuildPackMalformed(description: "The build pack has a tag that isn't one: \(name)")
            }
        }
        return tags
    }
}

extension BuildPack.Source {
    fileprivate init(wire: BuildmanPb_BuildPack) throws(BuildPackMalformed) {
        switch wire.buildPack {
        case .packageURL(let url) where !url.isEmpty:
            self = .package(
                BuildPackage(
                    url: url, isTrusted: wire.packageURLTrusted,
                    allowedPrivateNetworks: wire.allowedPrivateNetworks))
        case .gitPackage(let git) where !git.url.isEmpty && !git.sha.isEmpty:
            self = .git(
                BuildGitSource(
                    url: git.url, commit: git.sha, ref: git.ref.isEmpty ? nil : git.ref,
                    privateKey: git.privateKey.isEmpty ? nil : BuildSecret(git.privateKey),
                    knownHosts: git.knownHosts))
        default:
            throw BuildPackMalformed(description: "The build pack has neither a package URL nor a git commit.")
        }
    }
}

extension BuildRegistry {
    fileprivate init(wire: BuildmanPb_BuildPack) throws(BuildPackMalformed) {
        let repository: RepositoryName
        do { repository = try RepositoryName(wire.repository) } catch {
            throw BuildPackMalformed(description: "The build pack's repository isn't one: \(wire.repository)")
        }
        self.init(
            host: wire.registry, repository: repository, isInsecure: wire.registryInsecure,
            pullToken: wire.pullToken.isEmpty ? nil : BuildSecret(wire.pullToken),
            pushToken: BuildSecret(wire.pushToken))
    }
}
