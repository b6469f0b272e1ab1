import ArgumentParser
import BackupEngine
import BackupModel
import Foundation
import ProfileLoader

/// `holdfast metrics`
struct Metrics: OperatorCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print the figures of how things stand, as Prometheus reads them.",
        usage: "holdfast metrics [--write] [<options>]",
        discussion: """
            Where no profile is chosen, all of this host. They are put together from what
            is on record: nothing is started and no password is needed. With `metrics:`
            in a profile every run leaves them in a file by itself.

            Example: holdfast metrics -p app
            """)

    @Flag(help: "Write them to the files that the profiles name with `metrics:`, and print nothing.")
    var write = false

    @OptionGroup var global: GlobalOptions

    func perform(_ console: Console) async throws -> ExitStatus {
        let paths = try paths(console)
        var document = MetricsDocument()
        var status = ExitStatus.success
        for path in paths {
            do {
                try add(path, to: &document, console)
            } catch let error as any OperatorError where paths.count > 1 {
                // One profile in trouble must not take the others out of sight.
                console.report(error)
                status = ExitStatus(for: error.kind)
            }
        }
        if console.isJSON {
            console.print(Metrics.json(document))
        } else if !write {
            console.print(String(document.text.dropLast()))
        }
        return status
    }

    private func add(_ path: String, to document: inout MetricsDocument, _ console: Console) throws {
        var options = global
        options.profile = path
        let live = try Live(options, console)
        let figures = MetricsReview(try live.engine(), version: ProgramVersion.text)
        guard write else { return document.merge(figures.document()) }
        guard let file = live.profile.metrics?.textfile else {
            // Asked for by name it is a mistake; among all profiles it is none.
            guard isNamed else { return }
            throw Failure(
                "profile \(live.profile.name) does not say where its metrics go",
                hint: "add `metrics: { textfile: /var/lib/prometheus/node-exporter }` to it", kind: .usage)
        }
        try MetricsWriter.write(to: file, of: live.profile.name) {
            let own = figures.document()
            document.merge(own)
            return own
        }
        console.say("wrote \(file)")
    }

    private var isNamed: Bool {
        global.profile != nil || ProcessInfo.processInfo.environment["HOLDFAST_PROFILE"] != nil
    }

    private func paths(_ console: Console) throws -> [String] {
        let profiles = Profiles(global)
        if isNamed { return [try profiles.chosenPath()] }
        let entries = profiles.catalog().entries.filter { !$0.isAbstract && $0.shadowedBy == nil }
        guard entries.count > 1 else { return [try profiles.chosenPath()] }
        for entry in entries where !entry.problems.isEmpty {
            console.warn(
                "profile \(entry.title) has \(Words.count(entry.problems.count, "problem")): `holdfast profile check`")
        }
        return entries.filter(\.problems.isEmpty).map(\.path)
    }

    static func json(_ document: MetricsDocument) -> JSONValue {
        .object([
            (
                "metrics",
                .array(
                    document.families.map { family, samples in
                        .object([
                            ("name", .string(family.name)), ("help", .string(family.help)),
                            ("unit", JSONValue(family.unit)),
                            (
                                "samples",
                                .array(
                                    samples.map { sample in
                                        .object([
                                            (
                                                "labels",
                                                .object(sample.labels.map { ($0.name, .string($0.value)) })
                                            ), ("value", .number(sample.value)),
                                        ])
                                    })
                            ),
                        ])
                    })
            )
        ])
    }
}
