import BackupModel

/// A file that a program writes in a container or on another host: made, read as a stream and removed by one shell there, so that
/// it never lies on a disk of ours, and so that one end of the connection ends all of it.
struct WrittenElsewhere {
    private let file: String
    private let folder: String?

    /// - Parameter template: the file's path there; `{scratch}` stands for a private folder that is made for it.
    init(_ template: String, run: RunID, source: SourceName) {
        guard template.contains(CommandSettings.scratchPlaceholder) else {
            (file, folder) = (template, nil)
            return
        }
        let folder = "/tmp/holdfast-\(run)-\(source)"
        (file, self.folder) = (WrittenElsewhere.filled(template, folder), folder)
    }

    /// The program that does all of it; its standard output is the file.
    func words(_ command: [String]) -> [String] {
        ["sh", "-c", WrittenElsewhere.script, "sh", folder ?? "", file]
            + command.map { WrittenElsewhere.filled($0, folder ?? CommandSettings.scratchPlaceholder) }
    }

    private static func filled(_ text: String, _ folder: String) -> String {
        text.split(separator: CommandSettings.scratchPlaceholder, omittingEmptySubsequences: false)
            .joined(separator: folder)
    }

    /// Only what every `sh` has. What it writes it removes again, also when it is ended; it must not have been there before, so that
    /// nothing of anybody else's is taken for a dump, or removed. Its children run in the background, because a shell heeds no
    /// signal while it waits for one in the foreground.
    private static let script = """
        folder=$1 file=$2 child=
        shift 2
        say() { printf '%s\\n' "$*" >&2; }
        clear() { rm -f -- "$file"; if [ -n "$folder" ]; then rm -rf -- "$folder"; fi; }
        end() { trap '' HUP INT TERM; if [ -n "$child" ]; then kill -TERM "$child"; wait "$child"; fi 2>/dev/null; clear; exit 143; }
        umask 077
        if [ -n "$folder" ]; then mkdir -- "$folder" || exit 73
        elif [ -e "$file" ] || [ -L "$file" ]; then say "$file is there already: remove it, or let the program write below {scratch}/"; exit 73
        fi
        trap end HUP INT TERM
        "$@" </dev/null >&2 &
        child=$!; wait "$child"; code=$?
        if [ "$code" -eq 0 ] && [ ! -f "$file" ]; then say "it did not leave $file"; code=66; fi
        if [ "$code" -eq 0 ]; then cat -- "$file" & child=$!; wait "$child"; code=$?; fi
        child=; clear; exit "$code"
        """
}
