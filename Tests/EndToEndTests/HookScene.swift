import Foundation
import TestSupport
import Testing

/// A service in small, which a hook stops around a source: it runs while there is the file `service`. Its resource says how
/// things stood, and notes what it did.
struct HookScene {
    let program: HoldfastProgram
    var folder: ScratchFolder { program.folder }

    static let script = """
        #!/bin/sh
        echo "$HOLDFAST_EVENT ${HOLDFAST_ACQUIRED:-}" >> "$LOG"
        case "$HOLDFAST_EVENT" in
            resource.inspect)
                if [ -e "$SERVICE" ]; then echo '{"state":{"was":"running"}}'; else echo '{"state":{"was":"stopped"}}'; fi ;;
            resource.acquire) rm -f "$SERVICE"; sleep "${PAUSE:-0}" ;;
            resource.release)
                [ ! -e "$BROKEN" ] || { echo "the service does not start" >&2; exit 1; }
                if [ "$HOLDFAST_STATE_WAS" = running ]; then : > "$SERVICE"; fi ;;
        esac
        """

    /// - Parameters:
    ///   - more: of the resource's entry.
    ///   - top: further top-level keys.
    init(_ label: String = "hook", more: String = "", source: String? = nil, top: String = "") throws {
        program = try HoldfastProgram(label)
        let folder = program.folder
        try QuickRepository.lay(at: program.repository)
        try folder.write("hello\n", to: "docs/note.txt")
        try folder.write(Self.script, to: "hooks/service", mode: 0o755)
        try folder.write("", to: "service")
        try program.writeProfile(
            """
            sources:
              docs:
                \(source ?? "files: \"\(folder["docs"])\"")
                hooks:
                  - use: service
                    name: app
                    environment: { SERVICE: "\(folder["service"])", LOG: "\(folder["log"])", BROKEN: "\(folder["broken"])" }
                    \(more)
            repositories:
              local: { restic: "\(program.repository)", password: env:RESTIC_PASSWORD }
            \(top)
            """)
    }

    var isServing: Bool { FileManager.default.fileExists(atPath: folder["service"]) }
    var log: [String] {
        String(decoding: FileManager.default.contents(atPath: folder["log"]) ?? Data(), as: UTF8.self)
            .split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
    }
    var journal: [String] {
        (try? FileManager.default.contentsOfDirectory(atPath: folder["state/journal/test"]))?.filter {
            $0.hasPrefix("resource")
        } ?? []
    }

    func expectGivenBack(_ note: String = "") {
        #expect(isServing, "the service is down: \(note) \(log)")
        #expect(journal.isEmpty, "\(note) \(journal)")
    }
}
