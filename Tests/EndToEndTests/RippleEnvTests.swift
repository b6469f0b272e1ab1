import Foundation
import TestSupport
import Testing

/// The profile that is shipped for a development environment, as its operator uses it: archives on a drive and in S3, databases in
/// containers, and a checkout that is lost and cloned anew.
@Suite(
    "The ripple-env profile", .serialized,
    .enabled(if: ContainerizedPostgres.isPossible && S3Server.isAvailable, "this machine cannot run containers"))
struct RippleEnvTests {
    let postgres: ContainerizedPostgres
    let server: S3Server

    init() throws {
        postgres = try ContainerizedPostgres.shared.get()
        server = try S3Server()
    }

    private struct Host {
        var world: World
        var tree: String { world.folder["ripple-env"] }
        var drive: String { world.folder["drive/ripple-env"] }

        func shell(_ script: String, _ arguments: String...) async throws -> String {
            let words = ["bash", "-ec", "cd \"$1\"; shift; " + script, "bash", world.folder.path] + arguments
            let result = try await world.program.startTool(words).result()
            #expect(result.code == 0, "\(result)")
            return result.output
        }
    }

    /// A checkout with all that the checklist names, and the profile, whose database server is the tests' own.
    private func host(_ database: String) async throws -> Host {
        var program = try HoldfastProgram("ripple")
        let folder = program.folder
        var profile = try String(contentsOfFile: RealTools.packageRoot + "/profiles/ripple-env.yaml", encoding: .utf8)
        for (theirs, ours) in [
            ("database: flexnetos", "database: \(database)\n      host: /tmp"),
            ("user: postgres", "user: \(postgres.superuser)"),
            ("service: postgres }", "service: \(postgres.service) }"),
            ("service: neo4j }", "service: \(postgres.service) }"),
        ] {
            try #require(profile.contains(theirs), "\(theirs)")
            profile = profile.replacing(theirs, with: ours)
        }
        try folder.write(profile, to: "config/ripple-env.yaml")
        try folder.write("a password of words\n", to: "home/.config/holdfast/ripple-env.password")
        let credential = server.credential(.writeOnly)
        program.environment.merge([
            "RIPPLE_ENV": folder["ripple-env"], "RIPPLE_COMPOSE": postgres.composeFile,
            "RIPPLE_BACKUP": folder["drive/ripple-env"], "RIPPLE_DRIVE_IS_MOUNTED": "false", "RIPPLE_NEO4J": "yes",
            "RIPPLE_S3_URI": "s3://\(server.bucket)/ripple-env-backups", "AWS_ENDPOINT_URL": server.endpoint,
        ]) { $1 }
        program.environment.merge(credential.environment) { $1 }
        let host = Host(world: World(program: program))
        _ = try await host.shell(
            """
            age-keygen -o key.age 2>/dev/null; age-keygen -y key.age > home/.config/holdfast/recipients.txt
            export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
            git init --quiet --bare --initial-branch=main up.git
            git init --quiet --initial-branch=main ripple-env; mkdir drive; cd ripple-env
            mkdir -p secrets docker/data/app docker/data/postgres docker/data/localai/models
            printf '.env\\ndocker/data/\\n' > .gitignore
            echo locked > flake.lock; echo locked > pixi.lock; echo 'services: {}' > docker-compose.web.yml
            echo sealed > secrets/db.age; echo '{ }' > secrets/secrets.nix; echo 'X=example' > .env.agixt.example
            git add .; git commit --quiet --message=first
            git remote add origin "$PWD/../up.git"; git push --quiet --set-upstream origin main
            echo 'services: { web: {} }' > docker-compose.web.yml; echo new > docker-compose.gpu.yml
            echo 'SECRET=CANARY-of-ripple-env' > .env; chmod 600 .env
            echo data > docker/data/app/data; echo 15 > docker/data/postgres/PG_VERSION; echo big > docker/data/localai/models/m
            """)
        try ContainerizedPostgres.run(
            [
                "podman", "exec", "--interactive", postgres.name, "sh", "-c",
                "cat >/usr/bin/neo4j-admin && chmod 755 /usr/bin/neo4j-admin",
            ],
            input: """
                #!/bin/sh
                # Stands in for Neo4j's own program, which cannot be had here.
                [ "$1" = dump ] || exit 64
                file=${2#--to=}
                [ ! -e "$file" ] || { echo "Archive already exists: $file" >&2; exit 1; }
                echo "a graph" >"$file"; echo "Done: 1 file"
                """)
        return host
    }

    @Test(.timeLimit(.minutes(5)))
    func `what a checkout cannot get back from git is archived, in two places, and comes back over a new clone`()
        async throws
    {
        let database = try postgres.makeDatabase("CREATE TABLE t AS SELECT generate_series(1, 300) AS i;")
        let host = try await host(database)
        let program = host.world.program
        let backup = try await program.run("backup", "--strict", "--json")
        #expect(backup.code == 0, "\(backup)")
        let record = try backup.record()
        #expect(record.text("outcome") == "succeeded" && record.objects("gaps").isEmpty, "\(record)")
        // The manifest says which commit, and what had been changed.
        let notes = record.objects("parts").map { $0.object("facts").object("notes") }
        #expect(
            notes.contains {
                $0.text("branch") == "main" && $0.text("commit").count == 40
                    && $0.text("modified-files").contains("docker-compose.web.yml")
                    && $0.text("remote").hasSuffix("up.git")
            }, "\(notes)")

        // Compressed, encrypted, in two places, by the name of the procedure.
        let names = try await host.shell("find drive/ripple-env -type f -printf '%f\\n' | sort")
        #expect(names.contains(/ripple-env-[0-9]{8}-[0-9]{6}\.tar\.gz\.age\n/), "\(names)")
        #expect(names.contains("neo4j") && names.contains("postgres") && names.contains(".json"))
        #expect(try await host.shell("grep -r -l CANARY drive \"$1\" state || true", server.file("")) == "")
        let there = try await program.run("backup", "list")
        #expect(there.output.contains("drive+cloud"), "\(there)")
        #expect(try server.requests().allSatisfy { $0.action == "put" && $0.status == 200 })

        // The checklist, the extraction test, and the tiers.
        let identity = ["--identity", host.world.folder["key.age"]]
        let verify = try await program.run("backup", "verify", "--data", "100%")
        #expect(verify.code == 0, "\(verify)")
        let listed = try await program.run(["ls", "latest", "settings"] + identity)
        #expect(listed.code == 0 && listed.output.contains("secrets/db.age"), "\(listed)")
        // The quarterly test: the key is brought for it, and without it nothing can be proven.
        let sealed = try await program.run("drill")
        #expect(sealed.code != 0, "\(sealed)")
        let drill = try await program.run(["drill", "--report", host.world.folder["audit"]] + identity)
        #expect(drill.code == 0 && drill.output.contains("1 table, 300 rows"), "\(drill)")
        let status = try await program.run("status")
        #expect(status.output.contains("last drill: proven"), "\(status)")
        let pruned = try await program.run("backup", "prune")
        #expect(pruned.code == 0, "\(pruned)")

        // Everything is lost; the repository is cloned again.
        _ = try await host.shell("cp -a ripple-env before; rm -rf ripple-env; git clone --quiet up.git ripple-env")
        let target = host.world.folder["r"]
        let restore = try await program.run(
            ["restore", "latest", "--to", target, "--into", "postgres=\(database)_new", "--yes"] + identity)
        #expect(restore.code == 0, "\(restore)")
        _ = try await host.shell(
            """
            for source in secrets settings git data; do
                if [ -d "r/$source$1" ]; then cp -a "r/$source$1/." ripple-env/; fi
            done
            """, host.tree)
        let differences = try await host.shell(
            "diff -r --exclude=.git --exclude=postgres --exclude=models before ripple-env; stat -c %a ripple-env/.env")
        #expect(differences == "600\n")
        #expect(try postgres.sql("SELECT count(*) FROM t", database: "\(database)_new") == "300")
        #expect(try String(contentsOfFile: target + "/neo4j/neo4j.dump", encoding: .utf8) == "a graph\n")
    }

    @Test(.timeLimit(.minutes(5)), arguments: [".env", "secrets/db.age", "pixi.lock", "docker/data/app/data"])
    func `each line of the checklist is held against what was stored`(lost: String) async throws {
        let host = try await host(try postgres.makeDatabase())
        _ = try await host.shell("rm \"$1\"", host.tree + "/" + lost)
        let backup = try await host.world.program.run("backup", "--json")
        #expect(backup.code != 0, "\(backup)")
        let named = lost.hasPrefix("secrets") ? "secrets/*.age" : lost.hasPrefix("docker") ? "min-files" : lost
        #expect(backup.said.contains(named), "\(backup)")
        let record = try backup.record()
        #expect(record.objects("gaps").count == 1, "\(record)")
    }

    @Test(.timeLimit(.minutes(3))) func `large volumes are kept as folders in which only what changed takes room`()
        async throws
    {
        let host = try await host("unused")
        try host.world.folder.write(
            try String(contentsOfFile: RealTools.packageRoot + "/profiles/ripple-env-data.yaml", encoding: .utf8),
            to: "config/ripple-env-data.yaml")
        let data = ["-p", "ripple-env-data"]
        let variables = ["RIPPLE_DATA_BACKUP": host.world.folder["drive/data"]]
        for text in ["data", "changed"] {
            try host.world.folder.write(text, to: "ripple-env/docker/data/app/data")
            let backup = try await host.world.program.run(["backup"] + data, environment: variables)
            #expect(backup.code == 0, "\(backup)")
        }
        // One file with two names, and two versions of the one that changed, all readable as they lie there.
        let links = try await host.shell(
            "find drive/data/2* -name m -printf '%n\\n'; for f in drive/data/2*/data/data/app/data; do cat $f; echo; done | sort"
        )
        #expect(links == "2\n2\nchanged\ndata\n", "\(links)")
        #expect(try await host.shell("find drive/data/2* -name PG_VERSION") == "")
        let restore = try await host.world.program.run(
            ["restore", "latest", "--to", host.world.folder["r"], "--yes"] + data, environment: variables)
        #expect(restore.code == 0, "\(restore)")
        #expect(try await host.shell("find r -name data -type f -exec cat {} ';'") == "changed")
        let verify = try await host.world.program.run(
            ["backup", "verify", "--data", "100%"] + data, environment: variables)
        #expect(verify.code == 0, "\(verify)")
    }
}
