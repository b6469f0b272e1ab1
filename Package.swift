// swift-tools-version: 6.2
import PackageDescription

/// One language mode and one level of strictness for everything that is ours.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .treatAllWarnings(as: .error),
]

let package = Package(
    name: "holdfast",
    platforms: [.macOS(.v15)],
    products: [.executable(name: "holdfast", targets: ["holdfast"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    ],
    targets: [
        // Values and ports. No I/O, depends on nothing.
        .target(name: "BackupModel", swiftSettings: strict),

        // Pure knowledge about external programs: argv, output, exit codes.
        .target(name: "Programs", dependencies: ["BackupModel"], swiftSettings: strict),

        // The only place that starts processes.
        .target(name: "ProcessSpawn", cSettings: [.unsafeFlags(["-Wall", "-Wextra", "-Werror"])]),
        .target(name: "Tools", dependencies: ["ProcessSpawn", "BackupModel"], swiftSettings: strict),

        // SHA-256 through the system's libcrypto.
        .systemLibrary(name: "CCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .target(name: "Digests", dependencies: ["CCrypto"], swiftSettings: strict),

        // The machine: mounts, room, identities, locks, scratch folders, secrets.
        .target(name: "HostSystem", dependencies: ["BackupModel"], swiftSettings: strict),

        .target(name: "DumpSources", dependencies: ["Programs", "BackupModel"], swiftSettings: strict),
        .target(name: "Repositories", dependencies: ["Programs", "BackupModel", "Digests"], swiftSettings: strict),
        .target(name: "Notifiers", dependencies: ["Programs", "BackupModel"], swiftSettings: strict),
        // systemd, cron, launchd: what the host's own timers are given.
        .target(name: "Scheduling", dependencies: ["BackupModel"], swiftSettings: strict),
        .target(
            name: "ProfileLoader",
            dependencies: ["BackupModel", .product(name: "Yams", package: "Yams")],
            swiftSettings: strict),
        .target(
            name: "RunHistory",
            dependencies: ["BackupModel", .product(name: "GRDB", package: "GRDB.swift")],
            swiftSettings: strict),
        .target(name: "BackupEngine", dependencies: ["BackupModel"], swiftSettings: strict),

        .executableTarget(
            name: "holdfast",
            dependencies: [
                "BackupModel", "Programs", "Tools", "Digests", "HostSystem", "DumpSources", "Repositories", "Notifiers",
                "Scheduling", "ProfileLoader", "RunHistory", "BackupEngine",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Sources/CLI",
            swiftSettings: strict),

        // A program that plays any tool from a script, for faults that real tools do not produce on demand.
        .executableTarget(name: "FakeTool", path: "Tests/FakeTool", swiftSettings: strict),
        .target(
            name: "TestSupport", dependencies: ["BackupModel", "Tools", "HostSystem"], path: "Tests/TestSupport",
            swiftSettings: strict),
        .testTarget(name: "BackupModelTests", dependencies: ["BackupModel", "TestSupport"], swiftSettings: strict),
        .testTarget(
            name: "ProgramsTests", dependencies: ["Programs", "BackupModel", "TestSupport"],
            resources: [.copy("Fixtures")], swiftSettings: strict),
        .testTarget(
            name: "ToolsTests", dependencies: ["Tools", "ProcessSpawn", "BackupModel", "TestSupport", "FakeTool"],
            swiftSettings: strict),
        .testTarget(
            name: "HostSystemTests", dependencies: ["HostSystem", "BackupModel", "TestSupport"], swiftSettings: strict),
        .testTarget(
            name: "DumpSourcesTests",
            dependencies: ["DumpSources", "Programs", "Tools", "HostSystem", "BackupModel", "TestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "RepositoriesTests",
            dependencies: [
                "Repositories", "BackupEngine", "Programs", "Digests", "Tools", "HostSystem", "BackupModel",
                "TestSupport",
            ],
            swiftSettings: strict),
        .testTarget(
            name: "NotifiersTests", dependencies: ["Notifiers", "Tools", "BackupModel", "TestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "SchedulingTests", dependencies: ["Scheduling", "Tools", "BackupModel", "TestSupport"],
            resources: [.copy("Golden")], swiftSettings: strict),
        .testTarget(
            name: "ProfileLoaderTests",
            dependencies: ["ProfileLoader", "DumpSources", "Repositories", "Notifiers", "BackupModel", "TestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "RunHistoryTests",
            dependencies: [
                "RunHistory", "BackupModel", "TestSupport", .product(name: "GRDB", package: "GRDB.swift"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "BackupEngineTests", dependencies: ["BackupEngine", "BackupModel", "TestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "EndToEndTests",
            dependencies: ["holdfast", "BackupEngine", "BackupModel", "TestSupport", "FakeTool"],
            swiftSettings: strict),
    ]
)
