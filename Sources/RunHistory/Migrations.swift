import GRDB

/// The schema of the history, step by step. A step that was released is never changed; a new one is added below it.
enum Migrations {
    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1: runs, snapshots, manifests, counters") { database in
            // The columns are what is searched by, and what recovery needs should the record itself be illegible.
            try database.execute(
                sql: """
                    CREATE TABLE runs (
                        id TEXT NOT NULL PRIMARY KEY,
                        profile TEXT NOT NULL,
                        operation TEXT NOT NULL,
                        started REAL NOT NULL,
                        finished REAL,
                        outcome TEXT,
                        pid INTEGER NOT NULL,
                        start_time INTEGER NOT NULL,
                        boot_id TEXT NOT NULL,
                        record TEXT NOT NULL
                    ) WITHOUT ROWID;
                    CREATE INDEX runs_by_time ON runs (started, id);
                    CREATE INDEX runs_by_profile ON runs (profile, started, id);
                    CREATE INDEX runs_unfinished ON runs (profile) WHERE finished IS NULL;

                    CREATE TABLE snapshots (
                        repository TEXT NOT NULL,
                        id TEXT NOT NULL,
                        time REAL NOT NULL,
                        snapshot TEXT NOT NULL,
                        PRIMARY KEY (repository, id)
                    ) WITHOUT ROWID;

                    CREATE TABLE manifests (
                        repository TEXT NOT NULL,
                        snapshot TEXT NOT NULL,
                        manifest TEXT NOT NULL,
                        PRIMARY KEY (repository, snapshot)
                    ) WITHOUT ROWID;

                    CREATE TABLE counters (key TEXT NOT NULL PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
                    CREATE TABLE facts (key TEXT NOT NULL PRIMARY KEY, value REAL NOT NULL) WITHOUT ROWID;
                    """)
        }
        migrator.registerMigration("2: what followers have") { database in
            try database.execute(
                sql: """
                    CREATE TABLE deliveries (
                        repository TEXT NOT NULL,
                        follower TEXT NOT NULL,
                        snapshot TEXT NOT NULL,
                        PRIMARY KEY (repository, follower, snapshot)
                    ) WITHOUT ROWID;
                    CREATE TABLE fed (
                        repository TEXT NOT NULL,
                        follower TEXT NOT NULL,
                        PRIMARY KEY (repository, follower)
                    ) WITHOUT ROWID;
                    """)
        }
        migrator.registerMigration("3: what mirrors have acknowledged") { database in
            try database.execute(
                sql: """
                    CREATE TABLE mirrored (
                        place TEXT NOT NULL,
                        path TEXT NOT NULL,
                        digest TEXT NOT NULL,
                        bytes INTEGER NOT NULL,
                        PRIMARY KEY (place, path)
                    ) WITHOUT ROWID;
                    """)
        }
        migrator.registerMigration("4: generations of mirrors") { database in
            try database.execute(
                sql: """
                    CREATE TABLE generations (
                        place TEXT NOT NULL,
                        name TEXT NOT NULL,
                        started REAL NOT NULL,
                        completed REAL,
                        closed REAL,
                        proven REAL,
                        PRIMARY KEY (place, name)
                    ) WITHOUT ROWID;
                    """)
        }
        migrator.registerMigration("5: what vanished, and what was acknowledged") { database in
            try database.execute(
                sql: """
                    CREATE TABLE vanished (
                        repository TEXT NOT NULL,
                        id TEXT NOT NULL,
                        time REAL NOT NULL,
                        vanished TEXT NOT NULL,
                        PRIMARY KEY (repository, id)
                    ) WITHOUT ROWID;
                    CREATE TABLE removals (
                        repository TEXT NOT NULL,
                        id TEXT NOT NULL,
                        PRIMARY KEY (repository, id)
                    ) WITHOUT ROWID;
                    CREATE TABLE acknowledgements (
                        profile TEXT NOT NULL,
                        at REAL NOT NULL,
                        acknowledgement TEXT NOT NULL
                    );
                    CREATE INDEX acknowledgements_by_profile ON acknowledgements (profile, at);
                    """)
        }
        migrator.registerMigration("6: messages that wait, and how notifiers stand") { database in
            try database.execute(
                sql: """
                    CREATE TABLE outbox (
                        profile TEXT NOT NULL,
                        notifier TEXT NOT NULL,
                        topic TEXT NOT NULL,
                        since REAL NOT NULL,
                        at REAL NOT NULL,
                        next REAL NOT NULL,
                        entry TEXT NOT NULL,
                        PRIMARY KEY (profile, notifier, topic)
                    ) WITHOUT ROWID;
                    CREATE TABLE notifiers (
                        profile TEXT NOT NULL,
                        notifier TEXT NOT NULL,
                        standing TEXT NOT NULL,
                        PRIMARY KEY (profile, notifier)
                    ) WITHOUT ROWID;
                    """)
        }
        return migrator
    }
}
