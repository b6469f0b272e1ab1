import BackupModel
import Foundation
import Programs
import Testing

@Suite struct `MySQL's programs` {
    static let dump = """
        /*M!999999\\- enable the sandbox mode */ 
        -- MariaDB dump 10.19  Distrib 10.11.19-MariaDB, for debian-linux-gnu (x86_64)

        -- CHANGE MASTER TO MASTER_LOG_FILE='bin.000001', MASTER_LOG_POS=3506;

        CREATE TABLE `t` (
          `id` int(11)
        );
        LOCK TABLES `t` WRITE;
        /*!40000 ALTER TABLE `t` DISABLE KEYS */;
        INSERT INTO `t` VALUES
        (1,'a\\nb;\\'x\\"(\\\\),(',0x00FF),
        (2,'INSERT INTO `t` VALUES (1)',NULL),
        (3,_binary '''(',1);
        INSERT INTO `t` (`a;(VALUES`, `b``(`) VALUES (1,2),(3,4);
        UNLOCK TABLES;
        LOCK TABLES `od``d
        name` WRITE;
        UNLOCK TABLES;
        DELIMITER ;;
        CREATE PROCEDURE `p`()
        begin
        INSERT INTO `t` VALUES (1);
        LOCK TABLES `no` WRITE;
        -- Dump completed
        end
        ;;
        DELIMITER ;
        INSERT INTO `last` VALUES (1);

        -- Dump completed

        """

    private func scan(_ text: String, by size: Int) -> MySQLDumpScanner {
        var scanner = MySQLDumpScanner()
        let bytes = Array(text.utf8)
        for start in stride(from: 0, to: bytes.count, by: size) {
            Array(bytes[start..<min(start + size, bytes.count)]).withUnsafeBytes { scanner.read($0) }
        }
        return scanner
    }

    @Test(arguments: [1, 2, 3, 7, 13, 64, 100_000])
    func `rows are counted wherever the stream is cut into portions`(size: Int) {
        let scanner = scan(Self.dump, by: size)
        #expect(scanner.rows == ["t": 5, "od`d\nname": 0, "last": 1])
        #expect(scanner.isComplete)
        #expect(scanner.position == "bin.000001:3506")
        #expect(scanner.bytes == Int64(Self.dump.utf8.count))
    }

    @Test func `a dump is complete by its last line only`() {
        let end = "-- Dump completed\n"
        let whole = String(Self.dump.dropLast(end.utf8.count))
        #expect(!scan(whole, by: 50).isComplete)
        #expect(!scan(whole + end + "INSERT INTO `t` VALUES (1);\n", by: 50).isComplete)
        #expect(!scan(whole + end + "SELECT 1;\n", by: 50).isComplete)
        #expect(!scan(whole + end + "-- something of a length that matters\n", by: 50).isComplete)
        #expect(scan(whole + "-- Dump completed on 2026-01-01 10:00:00\n\n", by: 50).isComplete)
        #expect(!scan("INSERT INTO `t` VALUES\n(1,'\n-- Dump completed\n", by: 50).isComplete, "inside a text")
        #expect(MySQLDumpScanner.isComplete(tail: Array(Self.dump.utf8.suffix(100))))
        #expect(!MySQLDumpScanner.isComplete(tail: Array(whole.utf8.suffix(100))))
        #expect(!MySQLDumpScanner.isComplete(tail: []))
    }

    @Test(arguments: [
        ("10.11.19-MariaDB-0+deb12u1-log", MySQLFamily.mariadb, "10.11.19"), ("8.0.36", .mysql, "8.0.36"),
        ("8.4.0-commercial", .mysql, "8.4.0"),
        ("mariadb-dump  Ver 10.19 Distrib 10.11.19-MariaDB, for debian-linux-gnu (x86_64)", .mariadb, "10.11.19"),
        ("mariadb-dump from 11.4.2-MariaDB, client 10.19 for Linux (x86_64)", .mariadb, "11.4.2"),
        ("mysqldump  Ver 8.0.36 for Linux on x86_64 (MySQL Community Server - GPL)", .mysql, "8.0.36"),
    ])
    func `versions tell the family and the number`(_ text: String, _ family: MySQLFamily, _ number: String) {
        let version = MySQLVersion(text)
        #expect(version?.family == family && version?.number == number)
    }

    @Test func `versions are compared by their series`() throws {
        let old = try #require(MySQLVersion("10.6.1-MariaDB"))
        let new = try #require(MySQLVersion("10.11.19-MariaDB"))
        #expect(old.isOlderSeries(than: new) && !new.isOlderSeries(than: old))
        #expect(!old.isOlderSeries(than: try #require(MySQLVersion("11.0.0"))), "another family")
        #expect(MySQLVersion("no number") == nil)
    }

    @Test(arguments: [
        ("ERROR 1045 (28000): Access denied for user", MySQLFailure.notAuthenticated),
        ("mariadb-dump: Got error: 1049: \"Unknown database 'x'\" when selecting the database", .noSuchDatabase),
        ("mariadb-dump: Got error: 2002: \"Can't connect to local server", .unreachable),
        ("Couldn't execute 'show create table `v`': SHOW VIEW command denied (1142)", .notPermitted),
        ("mysqldump: Error 2013: Lost connection to server during query", .unreachable),
        ("ERROR 1114 (HY000) at line 45: The table 't' is full", .full),
        ("mysqldump: x has insufficient privileges to SHOW CREATE PROCEDURE `p`!", .notPermitted),
        ("ERROR 1205 (HY000) at line 3: Lock wait timeout exceeded", .busy),
        ("Couldn't execute 'SHOW FIELDS FROM `v`': View 'a.v' references invalid table(s) (1356)", .brokenView),
        ("mysqldump: Error 1412: Table definition has changed", .changedMeanwhile),
        ("no number, and 1045 stands alone", .other),
    ])
    func `messages are told apart by their numbers, in whatever language`(_ text: String, _ failure: MySQLFailure) {
        #expect(MySQLFailure(diagnostics: text) == failure)
    }

    @Test func `grants hold for the databases that their patterns fit`() {
        let grants = MySQLGrants([
            "GRANT USAGE ON *.* TO `u`@`%` IDENTIFIED BY PASSWORD '*1'",
            "GRANT SELECT, SHOW VIEW ON `app\\_%`.* TO `u`@`%`",
            "GRANT ALL PRIVILEGES ON `a``.b`.* TO `u`@`%`", "GRANT SELECT (a, b), INSERT ON `shop`.`t` TO `u`@`%`",
            "GRANT TRIGGER,EVENT ON *.* TO PUBLIC",
        ])
        #expect(grants.allow("SELECT", in: "app_1") && !grants.allow("SELECT", in: "appx1"))
        #expect(grants.allow("SHOW VIEW", in: "app_") && grants.allow("LOCK TABLES", in: "a`.b"))
        #expect(!grants.allow("SELECT", in: "shop"), "one table is not the database")
        #expect(grants.allowEverywhere("EVENT") && !grants.allowEverywhere("SELECT") && !grants.hasUnlistedRoles)
        #expect(MySQLGrants(["GRANT `boss` TO `u`@`%`"]).hasUnlistedRoles)
        #expect(
            MySQLGrants(["GRANT ALL PRIVILEGES ON *.* TO `root`@`localhost` WITH GRANT OPTION"]).allow("X", in: "y"))
    }

    @Test func `only what must be said is in the arguments, in the order that the programs want`() {
        var connection = MySQLConnection()
        connection.user = "u"
        connection.socket = "/s"
        let clients = MySQLClients()
        var options = MySQLClients.DumpOptions(database: "-x")
        options.excludedTables = ["a.b"]
        let without = clients.dump(connection, options)
        #expect(without.arguments.first == "--no-defaults" && without.secrets.isEmpty)
        #expect(without.arguments.suffix(3) == ["--ignore-table=-x.a.b", "--", "-x"])
        #expect(without.arguments.contains("--single-transaction") && without.whenOrphaned == .leave)
        connection.password = Secret("p\"#")
        let with = clients.dump(connection, options)
        #expect(!with.arguments.contains("--no-defaults"))
        guard case .memoryFileFirstArgument("--defaults-file=", let file)? = with.secrets.first else {
            Issue.record("the password goes another way")
            return
        }
        #expect(String(decoding: file.reveal(for: .childProcess), as: UTF8.self) == "[client]\npassword=\"p\\\"#\"\n")
        options.locks = true
        #expect(!clients.dump(connection, options).arguments.contains("--single-transaction"))

        var far = clients
        far.passage = .container(.podman, id: "c", user: nil)
        let enclosed = far.dump(connection, options)
        #expect(enclosed.program == "podman" && enclosed.firstLines.count == 1 && enclosed.secrets.isEmpty)
        #expect(!enclosed.displayed.contains("p\"#") && enclosed.displayed.contains("MYSQL_PWD"))
    }

    @Test func `each family is spoken to in its own options`() {
        var connection = MySQLConnection()
        connection.host = "h"
        connection.port = 3307
        connection.tls = .verify
        connection.certificates = "/ca"
        var options = MySQLClients.DumpOptions(database: "d")
        options.isForeign = true
        let mariadb = MySQLClients(family: .mariadb).dump(connection, options).arguments
        let mysql = MySQLClients(family: .mysql, hasOldNames: true).dump(connection, options)
        #expect(mariadb.contains("--ssl-verify-server-cert") && mariadb.contains("--protocol=tcp"))
        #expect(!mariadb.contains { $0.hasPrefix("--ssl-mode") || $0.hasPrefix("--set-gtid") })
        #expect(mysql.program == "mysqldump" && mysql.arguments.contains("--ssl-mode=VERIFY_IDENTITY"))
        #expect(mysql.arguments.contains("--column-statistics=0") && mysql.arguments.contains("--set-gtid-purged=OFF"))
        #expect(MySQLClients(folder: "/f", hasOldNames: true).load(connection, database: "d").program == "/f/mysql")
    }

    @Test func `option files elsewhere that change a dump are noticed`() {
        let text = """
            mysqldump would have been started with the following arguments:
            --socket=/run/mysqld/mysqld.sock --quick --quote-names --where=1=0 --max_allowed_packet=16M --no_data

            """
        #expect(MySQLClients.foreignOptions(text) == ["where", "no-data"])
        #expect(MySQLClients.foreignOptions("x would …:\n--user=where --password=*****").isEmpty)
    }
}
