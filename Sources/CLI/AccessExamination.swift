import BackupModel
import Foundation
import Repositories

/// What `doctor --probe` says of one repository's credential.
struct AccessExamination {
    private let spec: RepositorySpec
    private let result: Result<AccessReport, Failure>

    static func of(_ spec: RepositorySpec, _ live: Live) async -> AccessExamination {
        do {
            let place =
                spec.follow?.generations == nil ? spec : try live.generation(of: try live.repository(spec)).spec
            return AccessExamination(spec: spec, result: .success(try await live.probe(place).probe()))
        } catch let error as any OperatorError {
            return AccessExamination(spec: spec, result: .failure(Failure(error)))
        } catch {
            return AccessExamination(spec: spec, result: .failure(Failure("\(error)")))
        }
    }

    private var subject: String { "access \(spec.name)" }

    private func verdict(_ report: AccessReport) -> AccessVerdict {
        // Copies of archives are put, and no more is needed.
        AccessVerdict(
            report, claim: spec.access,
            method: spec.kind == ArchiveSettings.descriptor.kind ? .mirror : spec.follow?.method)
    }

    /// One finding for what it may do, and one for each claim that is false.
    var findings: [Finding] {
        let report: AccessReport
        switch result {
        case .failure(let failure): return [.bad(subject, failure)]
        case .success(let found): report = found
        }
        let verdict = verdict(report)
        let unknown = AccessRight.allCases.compactMap { right in
            if case .unknown(let why) = report[right] { (right, why) } else { nil }
        }
        if unknown.count == AccessRight.allCases.count, let (_, why) = unknown.first {
            return [
                Finding(
                    state: spec.access == .auto ? .good : .warning, subject: subject,
                    detail: "\(spec.access.rawValue); what its credential may do could not be told: \(why)")
            ]
        }
        let isUnproven = verdict.effective == nil && !unknown.isEmpty && verdict.falsehoods.isEmpty
        var first = Finding(
            state: isUnproven && spec.access != .auto ? .warning : .good, subject: subject,
            detail: rights(report, verdict))
        let reasons = Dictionary(grouping: unknown, by: \.1).map { why, rights in
            (rights.map(\.0.words).joined(separator: ", "), why)
        }
        first.details =
            verdict.thief + reasons.sorted { $0.0 < $1.0 }.map { "Could not be told: \($0.0): \($0.1)." }
            + report.notices.map { "Note: \($0)." }
        if report.honoursCreateOnly == false {
            first.details.append(
                "Note: the server ignores `If-None-Match`, so a mirror's own upload could replace a file.")
        }
        return [first] + verdict.falsehoods.map { .bad(subject, $0) }
    }

    private func rights(_ report: AccessReport, _ verdict: AccessVerdict) -> String {
        let allowed = AccessRight.allCases.filter { report[$0] == .allowed }.map(\.words)
        let refused = AccessRight.allCases.filter { report[$0] == .refused }.map(\.words)
        let claim =
            switch (spec.access, verdict.effective) {
            case (.auto, let effective?): "auto, which is \(effective.rawValue) in effect"
            case (let access, let effective?) where access.rawValue == effective.rawValue:
                "\(access.rawValue), as the profile says"
            case (let access, _) where !verdict.falsehoods.isEmpty: "not \(access.rawValue)"
            case (let access, _): "\(access.rawValue), as far as could be told"
            }
        return [
            claim, allowed.isEmpty ? nil : "may " + allowed.joined(separator: ", "),
            refused.isEmpty ? nil : "may not " + refused.joined(separator: ", "),
        ].compactMap(\.self).joined(separator: "; ")
    }

    var document: JSONValue {
        var entries: [(String, JSONValue)] = [
            ("repository", .string(spec.name.rawValue)), ("claim", .string(spec.access.rawValue)),
        ]
        switch result {
        case .failure(let failure): entries.append(("error", RunViews.failure(failure)))
        case .success(let report):
            let verdict = verdict(report)
            entries += [
                ("effective", JSONValue(verdict.effective?.rawValue)),
                (
                    "rights",
                    .object(AccessRight.allCases.map { ($0.rawValue, AccessExamination.document(report[$0])) })
                ),
                ("honoursCreateOnly", report.honoursCreateOnly.map(JSONValue.boolean) ?? .null),
                ("false", .array(verdict.falsehoods.map(RunViews.failure))),
                ("thief", JSONValue(verdict.thief)), ("notices", JSONValue(report.notices)),
            ]
        }
        return .object(entries)
    }

    private static func document(_ permission: Permission) -> JSONValue {
        switch permission {
        case .allowed: .object([("state", "allowed")])
        case .refused: .object([("state", "refused")])
        case .unknown(let why): .object([("state", "unknown"), ("why", .string(why))])
        }
    }
}
