import ArgumentParser
import Foundation
import RegistryCore
import Secrets

/// `RegistryLite user …`: accounts from the command line.
struct UserCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "user", abstract: "Manages users.", subcommands: [CreateUserCommand.self])
}

/// `RegistryLite user create NAME --email E`: makes a user, with a random password that is printed once.
struct CreateUserCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create", abstract: "Creates a user; prints a random password unless one comes on standard input.")

    @Argument(help: "The user's name.") var name: String
    @Option(help: "The user's e-mail address.") var email: String
    @Flag(help: "Makes the user a superuser.") var superuser = false
    @Flag(help: "Reads the password from the first line of standard input.") var passwordStdin = false
    @OptionGroup var options: SharedOptions

    func run() async throws {
        try await Failure.exiting {
            let settings = try Settings(options)
            let composition = try await Composition(settings, logger: settings.startLogging())
            let given = passwordStdin ? readLine(strippingNewline: true) ?? "" : nil
            let password = given ?? SecretToken.random(length: 20, using: composition.services.platform.randomness).text
            _ = try await composition.services.accounts.create(
                AccountService.NewUser(username: name, password: password, email: email),
                .administrator(superuser: superuser))
            await composition.close()
            print("Created user \(name).")
            if given == nil { print("Password: \(password)") }
        }
    }
}
