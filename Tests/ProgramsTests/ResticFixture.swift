import BackupModel
import Foundation
import Programs

/// One case of what a restic really printed; `CASE.cmd` beside it says how it was called.
struct ResticFixture {
    static let versions = ["0.14.0", "0.18.0", "0.19.1"]

    let output: String
    let errors: String
    let exitCode: Int32

    init(_ name: String, _ version: String) throws {
        let base = Bundle.module.bundlePath + "/Fixtures/restic/\(version)/\(name)"
        func text(_ ending: String) throws -> String {
            // As the runner does it: bytes that are no UTF-8 are repaired.
            String(decoding: try Data(contentsOf: URL(fileURLWithPath: "\(base).\(ending)")), as: UTF8.self)
        }
        output = try text("stdout")
        errors = try text("stderr")
        exitCode = Int32(try text("rc").trimmingCharacters(in: .whitespacesAndNewlines)) ?? -1
    }

    var diagnostics: ResticDiagnostics { ResticDiagnostics(errors) }

    func failure(now: Date = Date(timeIntervalSince1970: 0)) -> ResticFailure {
        ResticFailure(exitCode: exitCode, diagnostics, now: now)
    }

    var messages: [ResticMessage] {
        output.split(whereSeparator: \.isNewline).compactMap { ResticMessage(line: String($0)) }
    }
}
