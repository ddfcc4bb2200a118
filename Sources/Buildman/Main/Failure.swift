import ArgumentParser
import Domain
import Foundation
import NIOCore
import RegistryCore
import SQL

/// Why a command ends without having done its work: a sentence for standard error and an exit code.
struct Failure: Error {
    enum Code: Int32 {
        case failed = 1
        case usage = 64
        case configuration = 78
    }

    let message: String
    let code: Code

    init(_ message: String, _ code: Code = .failed) {
        self.message = message
        self.code = code
    }

    /// Runs a command's work; an error becomes one sentence and the exit code that the contract names.
    static func exiting(_ work: () async throws -> Void) async throws {
        do { try await work() } catch let code as ExitCode { throw code } catch {
            let failure = explain(error)
            FileHandle.standardError.write(Data("Buildman: \(failure.message)\n".utf8))
            throw ExitCode(failure.code.rawValue)
        }
    }

    private static func explain(_ error: any Error) -> Failure {
        switch error {
        case let failure as Failure: failure
        case let error as RegistryError: Failure(error.message)
        case let problems as ConfigurationProblems: Failure(problems.description, .configuration)
        case let failure as InstanceSecrets.Failure: Failure(failure.description, .configuration)
        case let error as DatabaseError where error.kind == .foreignSchema: Failure(error.message, .configuration)
        case let error as DatabaseError: Failure("The database failed: \(error.message)")
        case let error as IOError where error.errnoCode == EADDRINUSE:
            Failure(
                "An address is in use by another program: choose another with --listen or --metrics, or stop that program."
            )
        case let error as IOError where error.errnoCode == EADDRNOTAVAIL || error.errnoCode == EACCES:
            Failure("An address can't be served on: \(error.description)")
        default: Failure(String(describing: error))
        }
    }
}
