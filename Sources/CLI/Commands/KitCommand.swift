import ArgumentParser
import BackupEngine
import BackupModel
import Foundation
import Programs

/// `holdfast kit`
struct KitCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "kit",
        abstract: "Print how to restore with standard tools alone: a sheet to keep elsewhere.",
        usage: "holdfast kit [<point>] [--from <repository>] [<options>]",
        discussion: """
            The sheet is a script for bash. It says where the backups are, what must
            be at hand, and the lines that bring each part back without Holdfast. It
            holds no secret: it names where each is kept. Make a new one when sources
            or repositories change.

            Example: holdfast kit > /media/stick/restore-app.sh
            """)

    @Argument(help: "latest, a run or snapshot id, or a time.")
    var point: String = "latest"

    @OptionGroup var place: OffsiteOptions

    @OptionGroup var global: GlobalOptions

    func perform(_ console: Console) async throws -> ExitStatus {
        let live = try place.live(global, console)
        let kit = try await Kit.assembled(try await live.engine(place), point: point)
        for notice in kit.notices { console.warn(notice) }
        let others = live.profile.repositories.filter { $0.name != kit.repository.name }
        if console.isJSON {
            console.print(KitSheet.document(kit))
        } else {
            console.print(KitSheet.text(kit, others: others))
        }
        return .success
    }
}

/// How a kit looks.
private enum KitSheet {
    static func text(_ kit: Kit, others: [RepositorySpec]) -> String {
        var lines = [
            "#!/bin/bash", "# How to restore profile \(kit.profile) of host \(kit.host) without Holdfast.",
            "# Made \(Format.time(kit.made)) for restore point \(kit.point.run) of \(Format.time(kit.point.time)).",
            "# Needed: bash, \(kit.programs.joined(separator: ", ")).", "#",
            "# \(kit.repository.name): \(kit.repository.kind) repository at \(kit.location)"
                + (kit.identity.map { ", id \($0)" } ?? ""),
        ]
        for other in others {
            let address = other.settings.text ?? other.settings["path"]?.text ?? ""
            lines.append(
                "# \(other.name): \(other.kind) repository at \(address); its own sheet: holdfast kit --from \(other.name)"
            )
        }
        lines += [
            "#",
            "# Usage: TARGET=/an/empty/folder"
                + kit.keys.map { " \($0.variable)=…" }.joined() + " bash THIS-FILE", "set -eo pipefail",
            "FROM=${FROM:-\(ShellWord.quoted(kit.location))}", ": \"${TARGET:?an empty folder}\"",
        ]
        for key in kit.keys {
            let kept = key.kept.map { ", kept in \($0)" } ?? ""
            lines.append("# \(key.what)\(kept); without it nothing can be opened: keep a copy elsewhere")
            lines.append("export \(key.variable)=\"${\(key.variable):?\(key.what)}\"")
        }
        for part in kit.parts {
            lines += ["", "# \(part.part.title), \(part.part.bytes), of \(Format.time(part.part.capturedAt))"]
            lines += part.restore.lines
            if let advice = part.advice { lines.append("# then: \(advice)") }
        }
        // What a comment names must not end it.
        return lines.map { $0.hasPrefix("#") ? Console.harmlessName($0) : $0 }.joined(separator: "\n")
    }

    static func document(_ kit: Kit) -> JSONValue {
        .object([
            ("profile", .string(kit.profile.rawValue)), ("host", .string(kit.host)),
            ("made", .string(Timestamp.format(kit.made))), ("run", .string(kit.point.run.description)),
            (
                "repository",
                .object([
                    ("name", .string(kit.repository.name.rawValue)), ("kind", .string(kit.repository.kind)),
                    ("location", .string(kit.location)), ("id", JSONValue(kit.identity)),
                ])
            ),
            ("programs", JSONValue(kit.programs)),
            (
                "keys",
                .array(
                    kit.keys.map {
                        .object([
                            ("variable", .string($0.variable)), ("what", .string($0.what)),
                            ("kept", JSONValue($0.kept?.description)),
                        ])
                    })
            ),
            (
                "parts",
                .array(
                    kit.parts.map {
                        .object([
                            ("source", .string($0.part.source.rawValue)), ("part", .string($0.part.part.rawValue)),
                            ("snapshot", .string($0.part.snapshot.rawValue)), ("lines", JSONValue($0.restore.lines)),
                            ("advice", JSONValue($0.advice)),
                        ])
                    })
            ),
        ])
    }
}
