import ArgumentParser
import BackupModel

/// The root command.
struct Holdfast: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "holdfast",
        abstract: "Takes backups, keeps them, and proves that they restore.",
        discussion: """
            One profile per host or application says what to back up, where to and how.
            To begin:

              mkdir -p ~/.config/holdfast/profiles
              holdfast profile new > ~/.config/holdfast/profiles/mine.yaml
              holdfast backup
              holdfast backup list
              holdfast restore latest --to /srv/restored
              holdfast drill

            Every command takes --profile, --config-dir, --json, --quiet and --verbose.
            Exit codes: 0 good, 1 failed, 3 partial, 5 overdue or unproven,
            10 no repository, 11 locked,
            12 wrong password, 64 usage, 65 damaged, 69 tool or server missing,
            74 full or read-only, 75 try again later, 78 bad profile.
            """,
        version: ProgramVersion.text,
        subcommands: [
            Backup.self, Restore.self, Drill.self, Guard.self, Find.self, Ls.self, Cat.self, Diff.self, Mount.self,
            Status.self,
            Ack.self,
            History.self,
            Show.self, Why.self, Metrics.self, ProfileCommand.self, RepositoryCommand.self, KeyCommand.self,
            Doctor.self,
            KitCommand.self, HookCommand.self, Cancel.self, Recover.self, NotifyCommand.self, StreamCommand.self,
        ])
}

enum ProgramVersion {
    static let text = "0.1.0"
    /// A date that had passed when this program was made, seconds since 1970: 2026-11-01.
    static let madeAfter: Double = 1_793_491_200
}
