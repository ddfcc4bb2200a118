import ArgumentParser
import Foundation
import RegistryCore

typealias Failure = StartFailure

extension StartFailure {
    /// Runs a command's work; an error becomes one sentence and the exit code that the contract names.
    static func exiting(_ work: () async throws -> Void) async throws {
        do { try await work() } catch let code as ExitCode { throw code } catch {
            let failure = StartFailure(explaining: error, addressOptions: "--listen or --metrics")
            FileHandle.standardError.write(Data("RegistryLite: \(failure.message)\n".utf8))
            throw ExitCode(failure.code.rawValue)
        }
    }
}
