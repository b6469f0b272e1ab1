import ArgumentParser
import BackupModel
import Foundation
import Programs

/// `holdfast stream witness-mysql`: passes a dump on, and ends badly when it does not say that it is complete. A program that ends
/// well half way is not unheard of, and then nothing must be committed.
struct MySQLWitness: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "witness-mysql", abstract: "Pass a dump on, and count the rows in it.", shouldDisplay: false)

    @Argument(help: "Where the account of it goes.")
    var report: String

    func run() async throws {
        try await StreamCommand.perform {
            StandardStreams.widenPipe(STDOUT_FILENO)
            let input = StreamInput()
            var scanner = MySQLDumpScanner()
            while try input.fill() {
                try StandardStreams.write(input.bytes)
                scanner.read(input.bytes)
                input.take(input.bytes.count)
            }
            // The program before us says better what went wrong.
            guard scanner.bytes > 0 else { return }
            guard scanner.isComplete else {
                throw Failure("the dump ends without `-- Dump completed`: it is not whole")
            }
            try JSONEncoder().encode(scanner.report).write(to: URL(fileURLWithPath: report), options: .atomic)
        }
    }
}
