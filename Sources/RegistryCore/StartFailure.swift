import Domain
import Foundation
import NIOCore
import ObjectStorage
import SQL

/// Why a program ends without having done its work: a sentence for standard error, and the exit code of the contract.
package struct StartFailure: Error, Sendable {
    package enum Code: Int32, Sendable {
        case failed = 1
        case usage = 64
        case configuration = 78
    }

    package let message: String
    package let code: Code

    package init(_ message: String, _ code: Code = .failed) {
        self.message = message
        self.code = code
    }

    /// What an error that nobody handled means to the person who started the program.
    /// - Parameter addressOptions: the options that choose addresses, for the advice when one is in use.
    package init(explaining error: any Error, addressOptions: String) {
        self =
            switch error {
            case let failure as StartFailure: failure
            case let error as RegistryError: StartFailure(error.message)
            case let problems as ConfigurationProblems: StartFailure(problems.description, .configuration)
            case let failure as InstanceSecrets.Failure: StartFailure(failure.description, .configuration)
            case let error as DatabaseError where error.kind == .foreignSchema:
                StartFailure(error.message, .configuration)
            case let error as ObjectStorageError:
                StartFailure(error.message, error.kind == .foreign ? .configuration : .failed)
            case let error as DatabaseError: StartFailure("The database failed: \(error.message)")
            case let error as IOError where error.errnoCode == EADDRINUSE:
                StartFailure(
                    "An address is in use by another program: choose another with \(addressOptions), or stop that program."
                )
            case let error as IOError where error.errnoCode == EADDRNOTAVAIL || error.errnoCode == EACCES:
                StartFailure("An address can't be served on: \(error.description)")
            default: StartFailure(String(describing: error))
            }
    }
}
