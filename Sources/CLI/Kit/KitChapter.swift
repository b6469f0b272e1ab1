import BackupEngine
import BackupModel
import Foundation
import Programs

/// The steps that bring one repository's restore point back.
struct KitChapter {
    private let kit: Kit
    private let section: Kit.Section
    private let secrets: KitSecrets?

    init(_ kit: Kit, _ section: Kit.Section, _ secrets: KitSecrets?) {
        self.kit = kit
        self.section = section
        self.secrets = secrets
    }

    var chapter: KitSheet.Chapter {
        var words = [
            "\(section.repository.kind) repository at \(section.location)",
            "Restore point \(section.point.run) of \(Format.time(section.point.time)).",
        ]
        if !section.wasRead {
            words.append(
                "Nothing was read there when this was made: these lines are of what was sent there, and acknowledged.")
        }
        for gap in section.point.gaps { words.append("Not in it: \(gap.source), \(gap.cause).") }
        words += section.notes.map { $0.prefix(1).uppercased() + $0.dropFirst() + "." }
        return KitSheet.Chapter(
            name: section.name.rawValue, words: words,
            steps: [beginning] + keyStep + [setup] + parts.map(fetching) + uses)
    }

    /// Trees first, and each source's parts together.
    private var parts: [Kit.Part] { section.parts }

    // MARK: - Before anything is done

    private var beginning: KitSheet.Step {
        var lines = ["PLACE=${PLACE:-\(ShellWord.quoted(section.location))}"]
        lines.append("need " + Set(section.programs + free(of: nil)).sorted().joined(separator: " "))
        if section.repository.kind != "restic" {
            lines.append(
                "[ -z \"${NEWEST:-}\" ] || stop \"NEWEST is for restic: these lines name files; later ones are in folders of later names\""
            )
        }
        for server in section.servers {
            let programs = Set(free(of: server)).sorted().joined(separator: " ")
            switch server {
            case .postgres:
                lines += [
                    "if \(KitChapter.isWanted(server)); then", "need \(programs)",
                    "psql -XAtwq -d \"${PGDATABASE:-postgres}\" -c 'SELECT 1' > /dev/null || stop \"the PostgreSQL server does not let us in\"",
                    "fi",
                ]
            case .mysql:
                lines += [
                    "if \(KitChapter.isWanted(server)); then", "need \(programs)",
                    "command -v mariadb > /dev/null || need mysql",
                    "sql -N -e 'SELECT 1' > /dev/null || stop \"the MySQL server does not let us in\"", "fi",
                ]
            }
        }
        return KitSheet.Step(
            title: "Look whether everything is at hand", words: [], lines: lines, server: nil, standsAlone: false)
    }

    /// Programs of what is done with the files, without those of the other servers.
    private func free(of server: ManualUse.Server?) -> [String] {
        section.parts.flatMap { part in part.use.map { $0.server == server ? $0.programs : [] } ?? [] }
    }

    static func isWanted(_ server: ManualUse.Server) -> String {
        switch server {
        case .postgres: "[ -n \"${PGHOST:-}${PGSERVICE:-}\" ]"
        case .mysql: "[ -n \"${MYSQL_FILE:-}${MYSQL_HOST:-}\" ]"
        }
    }

    private var keyStep: [KitSheet.Step] {
        var lines: [String] = []
        for setting in section.settings {
            lines += [
                "usual=\(KitChapter.word(setting.value))",
                "export \(setting.variable)=\"${\(setting.variable):-$usual}\"",
            ]
        }
        var hasFiles = false
        for key in section.keys {
            if let value = secrets?.value(of: key, in: section.name) {
                let word = ShellWord.quoted(value)
                switch key.form {
                case .text: lines.append("export \(key.variable)=\"${\(key.variable):-$(printf %s \(word))}\"")
                case .file:
                    if !hasFiles {
                        lines += [
                            "KEYS=$(mktemp -d -p /dev/shm 2> /dev/null || mktemp -d)", "trap 'rm -rf \"$KEYS\"' EXIT",
                        ]
                    }
                    hasFiles = true
                    lines += [
                        "if [ -z \"${\(key.variable):-}\" ]; then", "\(key.variable)=\"$KEYS/\(key.variable)\"",
                        "printf '%s\\n' \(word) > \"$\(key.variable)\"", "fi",
                    ]
                }
                continue
            }
            if key.isOptional {
                lines.append(
                    "[ -z \"${\(key.variable):-}\" ] || [ -r \"$\(key.variable)\" ] || stop \"\(key.variable)=$\(key.variable) cannot be read\""
                )
                continue
            }
            lines.append("export \(key.variable)=\"${\(key.variable):?\(plain(key.what))}\"")
            if key.form == .file {
                lines.append(
                    "[ -r \"$\(key.variable)\" ] || stop \"\(key.variable)=$\(key.variable) cannot be read\"")
            }
        }
        guard !lines.isEmpty else { return [] }
        return [KitSheet.Step(title: "Keys", words: [], lines: lines, server: nil, standsAlone: false)]
    }

    /// One word on one line. In `${X:-…}` within double quotes not every shell takes a single quote for itself.
    private static func word(_ text: String) -> String {
        ShellWord.quoted(String(text.map { $0.isNewline ? " " : $0 }))
    }

    /// Between the braces of `${X:?…}`, in double quotes.
    private func plain(_ text: String) -> String {
        var result = ""
        for character in text {
            if "\"\\$`}".contains(character) { result.append("\\") }
            result.append(character.isNewline ? " " : character)
        }
        return result
    }

    private var setup: KitSheet.Step {
        KitSheet.Step(
            title: "Make the folder", words: [],
            lines: ["mkdir -p -- \"$TARGET\"", "TARGET=$(cd -- \"$TARGET\" && pwd -P)"] + section.setup,
            server: nil, standsAlone: false)
    }

    // MARK: - Parts

    private func fetching(_ part: Kit.Part) -> KitSheet.Step {
        let manifest = part.part
        let restore = part.restore
        var lines = ["DIR=\"$TARGET/\(manifest.source)\"", "mkdir -p \"$DIR\""]
        if let name = restore.storedName { lines.append("FILE=\"$DIR\"/\(ShellWord.quoted(name))") }
        lines += restore.locate + restore.lines
        if restore.storedName != nil { lines.append(size("$FILE", manifest.bytes)) }
        lines += restore.opening
        if restore.storedName == nil, let count = countOfFiles(manifest) { lines += count }
        lines += restore.cleanup
        var words = ["\(manifest.bytes), captured \(Format.time(manifest.capturedAt))."]
        if let roots = manifest.restoreNotes[ManifestPart.rootsNote] { words.append("It was at \(roots).") }
        if !manifest.condition.isGood {
            words.append("It was \(manifest.condition.rawValue) when it was captured.")
        }
        return KitSheet.Step(
            title: manifest.title, words: words, lines: lines, server: nil, standsAlone: true)
    }

    private func size(_ file: String, _ bytes: ByteCount) -> String {
        "[ \"$(wc -c < \"\(file)\")\" -eq \(bytes.bytes) ] || wrong \"\(file) does not have the \(bytes.bytes) bytes that it had\""
    }

    /// Where the tree is alone in its folder. Of other kinds every file has its digest, and names of one file count once.
    private func countOfFiles(_ part: ManifestPart) -> [String]? {
        // Where a later snapshot was taken it says that it is another number.
        guard part.isTree, section.repository.kind == "restic", part.unreadableCount == 0, let files = part.facts.files,
            section.parts.count(where: { $0.part.source == part.source }) == 1
        else { return nil }
        return [
            "found=$(find \"$DIR\" -type f ! -path \"$DIR/.holdfast-sha256sums\" -print0 | tr -dc '\\0' | wc -c)",
            "[ \"$found\" -eq \(files) ] && proven \"$DIR: \(Words.count(files, "file"))\" ||"
                + " wrong \"$DIR has $found files, and had \(files) when it was backed up\"",
        ]
    }

    // MARK: - Databases

    private var uses: [KitSheet.Step] {
        let used = section.parts.filter { $0.use != nil }
        let ordered = used.filter { $0.use?.comesFirst == true } + used.filter { $0.use?.comesFirst == false }
        let databases = used.compactMap { $0.use?.database }
        var taken: Set<String> = []
        return ordered.compactMap { part in
            guard let use = part.use, let name = part.restore.name else { return nil }
            var lines = [
                "FILE=\"$TARGET/\(part.part.source)\"/\(ShellWord.quoted(name))"
            ]
            if part.restore.opening.isEmpty {
                lines.append("[ -s \"$FILE\" ] || stop \"$FILE is not there\"")
            } else {
                lines.append("[ -s \"$FILE\" ] || { unproven \"$FILE: \(KitWords.unopened)\"; exit 0; }")
            }
            var title = part.part.title
            if let database = use.database {
                var variable = databases.count == 1 ? "DATABASE" : "DATABASE_" + KitChapter.variable(database)
                while !taken.insert(variable).inserted { variable += "_" }
                lines += ["usual=\(KitChapter.word(database))", "DATABASE=\"${\(variable):-$usual}\""]
                title += ": load it into database \(database)"
            } else {
                title += use.server == nil ? ": look whether it is whole" : ": load it"
            }
            return KitSheet.Step(
                title: title, words: use.notes, lines: lines + use.lines, server: use.server, standsAlone: true)
        }
    }

    private static func variable(_ name: String) -> String {
        String(name.uppercased().map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "_" })
    }
}
