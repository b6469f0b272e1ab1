/// Where the programs of a kit come from, for a machine that has none of them.
enum KitPrograms {
    /// - Parameter versions: of those that made the backup.
    static func words(on program: String, _ versions: [String: String]) -> String {
        let version = versions[program].map { " (\($0) made the backup)" } ?? ""
        return "\(program)\(version): \(origin(of: program, versions[program]))"
    }

    /// - Source: the projects' pages of releases, and the packages of Debian 12.
    private static func origin(of program: String, _ version: String?) -> String {
        func release(_ name: (String) -> String, _ fallback: String) -> String { version.map(name) ?? fallback }
        switch program {
        case "restic":
            return "apt install restic, or one file without installing: "
                + release({ "restic_\($0)_linux_amd64.bz2" }, "restic_VERSION_linux_amd64.bz2")
                + " from https://github.com/restic/restic/releases (bunzip2, chmod +x); the same version or a newer one"
        case "age":
            return "apt install age, or one file: age-vVERSION-linux-amd64.tar.gz from "
                + "https://github.com/FiloSottile/age/releases"
        case "rclone":
            return "apt install rclone, or one file: rclone-vVERSION-linux-amd64.zip from https://downloads.rclone.org"
        case "gpg": return "apt install gnupg"
        case "psql", "createdb", "pg_restore":
            return "apt install postgresql-client (of the server's version or newer)"
        case "mariadb": return "apt install mariadb-client (mysql does as well)"
        case "aws": return "apt install awscli"
        case "sftp", "ssh": return "apt install openssh-client"
        case "sha256sum", "cp", "dd": return "there on every Linux (coreutils)"
        case "sed", "tar", "gzip": return "there on every Linux"
        default: return "apt install \(program)"
        }
    }
}
