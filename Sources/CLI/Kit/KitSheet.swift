import BackupEngine
import BackupModel
import Foundation
import Programs

/// A kit as people read it: chapters with steps, of which each form (script, page) shows the same lines.
struct KitSheet: Sendable {
    struct Step: Sendable {
        var title: String
        /// What is to be known before.
        var words: [String]
        var lines: [String]
        /// Only where this runs.
        var server: ManualUse.Server?
        /// What fails here must not keep the rest from coming back.
        var standsAlone: Bool
    }

    struct Chapter: Sendable {
        var name: String
        var words: [String]
        var steps: [Step]
    }

    var title: String
    var head: [String]
    /// Where the copies are, a line each.
    var places: [String]
    /// What must be at hand.
    var keys: [String]
    var programs: [String]
    /// How it is called.
    var usage: [String]
    var start: [Step]
    var chapters: [Chapter]
    var end: Step
    /// A profile with which Holdfast itself restores on a new machine.
    var profile: String?
    var profileName: String
    var facts: [String]
    var qr: [KitCode]

    init(_ kit: Kit, secrets: KitSecrets? = nil, profile: String?, qr: [KitCode] = []) {
        self.profile = profile
        self.qr = qr
        profileName = kit.profile.rawValue
        title = "How to restore profile \(kit.profile) of host \(kit.host) without Holdfast"
        head = ["Made \(Format.time(kit.made)). Holdfast is not needed for any of it."]
        if secrets != nil {
            head.append("THIS SHEET HOLDS SECRETS: whoever reads it can open every backup that it names.")
        }
        places = kit.sections.enumerated().map { index, section in
            "FROM=\(section.name): \(section.repository.kind) repository at \(section.location)"
                + (section.identity.map { ", id \($0)" } ?? "")
                + "; restore point \(section.point.run) of \(Format.time(section.point.time))"
                + (index == 0 ? ", taken unless you say otherwise" : "")
        }
        places += kit.absences.map {
            "\($0.repository.name): \($0.repository.kind) repository at \($0.location); no lines for it here: \($0.why.description)"
        }
        keys = KitSheet.keyWords(kit, secrets)
        var versions: [String: String] = [:]
        for section in kit.sections { versions.merge(section.tools) { first, _ in first } }
        let all = Set(kit.sections.flatMap { $0.programs + KitSheet.programs(using: $0) })
        programs = all.sorted().map { KitPrograms.words(on: $0, versions) }
        let asked = kit.sections[0].keys.filter {
            !$0.isOptional && secrets?.value(of: $0, in: kit.sections[0].name) == nil
        }
        usage = KitSheet.usage(kit, asked)
        start = [KitSheet.preamble(kit)]
        chapters = kit.sections.map { KitChapter(kit, $0, secrets).chapter }
        end = Step(
            title: "At the end", words: [],
            lines: [
                "[ -z \"$failed\" ] || stop \"this did not come back whole:${failed#,}\"",
                "echo \"all of it is in $TARGET\"",
            ], server: nil, standsAlone: false)
        facts = KitFacts(kit).lines
    }

    /// What loading and proving need beside fetching.
    static func programs(using section: Kit.Section) -> [String] {
        section.parts.flatMap { $0.use?.programs ?? [] } + (section.servers.contains(.mysql) ? ["mariadb"] : [])
    }

    private static func keyWords(_ kit: Kit, _ secrets: KitSecrets?) -> [String] {
        var lines: [String] = []
        for section in kit.sections {
            for key in section.keys {
                let isHere = secrets?.value(of: key, in: section.name) != nil
                let kept =
                    isHere ? "; it is in this sheet" : key.kept.map { "; it was kept in \($0) of the host" } ?? ""
                let line = "\(key.variable): \(key.what)\(kept)"
                if !lines.contains(line) { lines.append(line) }
            }
            if !section.wasRead, section.keys.contains(where: { $0.form == .text }) {
                lines.append(
                    "For \(section.name) give a credential that may read: the one in the profile may only write.")
            }
        }
        if lines.isEmpty { return ["nothing but the copies themselves"] }
        if secrets == nil {
            lines.append(
                "Without these nothing can be opened: keep a copy of them elsewhere, and not only of this sheet.")
        }
        return lines
    }

    private static func usage(_ kit: Kit, _ asked: [ManualRestore.Key]) -> [String] {
        let servers = ManualUse.Server.allCases.filter { server in kit.sections.contains { $0.servers.contains(server) }
        }
        var lines = [
            "TARGET=/an/empty/folder" + asked.map { " \($0.variable)=…" }.joined() + " bash THIS-FILE",
            "FROM=NAME takes another copy; PLACE=… is where that copy is now, when it has been moved.",
        ]
        if kit.sections.contains(where: { $0.repository.kind == "restic" }) {
            lines.append(
                "NEWEST=yes takes the newest snapshot of each part instead of the one of this sheet (restic only).")
        }
        if servers.contains(.postgres) {
            lines.append(
                "PGHOST=… (and PGPORT, PGUSER, PGPASSFILE) loads the PostgreSQL databases too; on a new server with GLOBALS=yes."
            )
        }
        if servers.contains(.mysql) {
            lines.append(
                "MYSQL_FILE=… (a file with [client], host=, user=, password=) loads the MySQL databases too; on a new server with "
                    + "GLOBALS=yes.")
        }
        return lines
    }

    private static func preamble(_ kit: Kit) -> Step {
        let names = kit.sections.map(\.name.rawValue)
        var lines = [
            "set -euo pipefail", "umask 077", "unset CDPATH", "failed='' wrong=0 other=0",
            "stop() { echo \"stop: $*\" >&2; exit 1; }",
            "wrong() {",
            "  if [ -n \"${NEWEST:-}\" ]; then other=$((other + 1)); echo \"other than in the backup of this sheet: $*\"",
            "  else wrong=$((wrong + 1)); echo \"WRONG: $*\" >&2; fi", "}",
            "proven() { echo \"proven: $*\"; }", "unproven() { echo \"not proven: $*\"; }",
            "ended() { if [ $? = 0 ]; then echo \"ok: $1\"; else failed=\"$failed, $1\"; echo \"FAILED: $1\" >&2; fi; }",
            "need() {", "  missing=''",
            "  for program in \"$@\"; do command -v \"$program\" > /dev/null || missing=\"$missing $program\"; done",
            "  [ -z \"$missing\" ] || stop \"missing:$missing; the sheet says at its top where they come from\"", "}",
            ": \"${TARGET:?an empty folder, or one that is to be made, that everything comes back into}\"",
            "if [ -e \"$TARGET\" ] || [ -L \"$TARGET\" ]; then",
            "  [ -d \"$TARGET\" ] && [ -z \"$(ls -A -- \"$TARGET\")\" ] || stop \"TARGET=$TARGET is not an empty folder\"",
            "fi", "PROFILE=\(kit.profile) OF_HOST=\(ShellWord.quoted(kit.host))", "FROM=${FROM:-\(names[0])}",
            "case \"$FROM\" in */* | *:*) PLACE=$FROM FROM=\(names[0]) ;; esac",
            "case \"$FROM\" in",
            "  \(names.joined(separator: " | "))) ;;",
            "  *) stop \"FROM=$FROM is not in this sheet, which has: \(names.joined(separator: ", "))\" ;;", "esac",
        ]
        if kit.sections.contains(where: { $0.servers.contains(.mysql) }) {
            lines.append(
                "sql() { \"$(command -v mariadb || command -v mysql)\" ${MYSQL_FILE:+--defaults-extra-file=\"$MYSQL_FILE\"} \"$@\"; }"
            )
        }
        return Step(
            title: "Begin",
            words: ["In a shell of its own (type `bash`), which ends at the first thing that is not as it should be."],
            lines: lines, server: nil, standsAlone: false)
    }
}
