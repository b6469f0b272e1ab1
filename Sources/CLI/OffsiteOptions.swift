import ArgumentParser
import BackupEngine
import BackupModel
import Foundation
import ProfileLoader
import Repositories

/// Looks at a follower instead of the primary.
struct OffsiteOptions: ParsableArguments {
    @Flag(help: "Look at the offsite repository instead of the primary one.")
    var offsite = false

    @Option(
        name: .customLong("from"),
        help: ArgumentHelp("As --offsite, for the follower of this name.", valueName: "repository"))
    var name: String?

    @Option(
        help: ArgumentHelp(
            "A file of NAME=value lines with a credential that may read, in place of the profile's.", valueName: "file")
    )
    var credentials: String?

    @Option(
        help: ArgumentHelp(
            "Of a mirror with generations, look at this one instead of the newest that is whole.", valueName: "name"))
    var generation: String?

    var isWanted: Bool { offsite || name != nil }

    func validate() throws {
        if credentials != nil, !isWanted { throw ValidationError("--credentials goes with --offsite") }
        if let generation {
            guard isWanted else { throw ValidationError("--generation goes with --offsite") }
            guard MirrorGeneration.order(of: generation) != nil else {
                throw ValidationError("--generation wants a name such as g-20261121")
            }
        }
    }

    /// Secrets are looked for in our own environment first, so that is where the credential of the moment goes.
    func live(
        _ global: GlobalOptions, _ console: Console, identity: String? = nil, on machine: NewMachine? = nil
    ) throws -> Live {
        for variable in try credentials.map(OffsiteOptions.variables) ?? [] {
            setenv(variable.name, variable.value, 1)
        }
        return try Live(global, console, identity: identity, on: machine)
    }

    /// The follower that is meant, with the credential of the moment.
    func spec(_ live: Live) throws -> RepositorySpec {
        var spec: RepositorySpec
        if let name {
            spec = try live.spec(ofFollower: name)
        } else {
            spec = try live.offsite()
        }
        guard let credentials else { return spec }
        spec.replacedVariables.formUnion(try OffsiteOptions.variables(in: credentials).map(\.name))
        spec.access = .auto
        return spec
    }

    private static func variables(in path: String) throws -> [EnvironmentFile.Variable] {
        let text: String
        do {
            text = try String(contentsOfFile: (path as NSString).expandingTildeInPath, encoding: .utf8)
        } catch {
            throw Failure("the credentials in \(path) cannot be read: \(error.localizedDescription)", kind: .usage)
        }
        let file = EnvironmentFile(text: text, path: path)
        if let problem = file.problems.first { throw Failure(problem.message, kind: .usage) }
        if let doubt = file.variables.first(where: { $0.doubt != nil }) {
            throw Failure("\(path): \(doubt.name): \(doubt.doubt ?? "")", kind: .usage)
        }
        return file.variables
    }
}

extension Live {
    /// The generation to read; `nil` for what has none.
    private func generation(of spec: RepositorySpec, chosen: String?) async throws -> String? {
        if let chosen {
            guard spec.follow?.method == .mirror else {
                throw Failure("repository \(spec.name) is no mirror and has no generations", kind: .usage)
            }
            return chosen
        }
        guard spec.follow?.generations != nil else { return nil }
        return try await MirrorGenerationSearch(spec, services, cacheFolder: cacheFolder, ledger: try store()).find()
    }

    /// The engine at a follower that our credential may read.
    func engine(at follower: RepositorySpec) async throws -> Engine {
        var spec = follower
        if spec.generation == nil { spec.generation = try await generation(of: spec, chosen: nil) }
        return try engine().at(try repository(spec))
    }

    /// The engine, at the follower where that is wanted.
    /// - Throws: ``Failure`` where our credential reads nothing there.
    func engine(_ offsite: OffsiteOptions) async throws -> Engine {
        let engine = try engine()
        guard offsite.isWanted else { return engine }
        var spec = try offsite.spec(self)
        guard spec.access.mayRead else {
            throw Failure(
                "the credential of repository \(spec.name) may write and nothing else, so nothing can be read from it",
                hint:
                    "give one that may read with `--credentials FILE`, or leave out --offsite: the primary has it all",
                kind: .notPermitted)
        }
        spec.generation = try await generation(of: spec, chosen: offsite.generation)
        return engine.at(try repository(spec))
    }
}
