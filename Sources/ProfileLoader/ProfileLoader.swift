package import BackupModel
import Foundation

/// Turns profile files into ``Profile``s. Knows no kind by itself: what kinds there are, and their keys, is handed in.
package struct ProfileLoader: Sendable {
    package var sources: [KindDescriptor]
    package var repositories: [KindDescriptor]
    package var notifiers: [KindDescriptor]
    /// The process's environment.
    package var environment: [String: String]
    package var home: String
    /// Written into snapshots when the profile names no host.
    package var hostName: String
    /// Environment files must be this user's or root's.
    package var user: UInt32

    package init(
        sources: [KindDescriptor], repositories: [KindDescriptor], notifiers: [KindDescriptor] = [],
        environment: [String: String] = ProcessInfo.processInfo.environment, home: String = HomeFolder.path(),
        hostName: String, user: UInt32 = geteuid()
    ) {
        self.sources = sources
        self.repositories = repositories
        self.notifiers = notifiers
        self.environment = environment
        self.home = home
        self.hostName = hostName
        self.user = user
    }

    /// - Throws: ``ProfileError/invalid(path:_:)`` with every problem at once, ``ProfileError/abstract(_:path:)``.
    package func load(_ path: String) throws(ProfileError) -> LoadedProfile {
        let path = absolute(path)
        let draft = examine(path)
        guard draft.problems.isEmpty, let root = draft.root, let name = draft.name else {
            throw .invalid(path: path, draft.problems)
        }
        guard !draft.isAbstract else { throw .abstract(name, path: path) }
        let profile = ProfileDecoder(
            path: path, name: name, host: hostName, root: root, variables: draft.variables.merged,
            sourceKinds: sources.map(\.kind), repositoryKinds: repositories.map(\.kind),
            notifierKinds: notifiers.map(\.kind), ignored: draft.ignored, disabled: draft.disabled
        ).profile
        let effective = EffectiveProfile(
            name: name, path: path, files: draft.files, root: root, disabled: draft.disabled, ignored: draft.ignored,
            sources: sources, repositories: repositories, notifiers: notifiers)
        return LoadedProfile(profile: profile, effective: effective)
    }

    /// Everything wrong with a file, abstract or not; empty when it is well.
    package func problems(in path: String) -> [ConfigProblem] { examine(path).problems }

    /// What is worth knowing of a file that is well.
    package func notes(in path: String) -> [ConfigProblem] { examine(path).notes }

    /// What is known of a file after reading it as far as it goes.
    struct Draft {
        var name: ProfileName?
        var isAbstract = false
        var root: ConfigValue?
        var files: [String] = []
        var variables: ProfileVariables
        var ignored: [String] = []
        var disabled: [String] = []
        var problems: [ConfigProblem] = []
        var notes: [ConfigProblem] = []
    }

    func examine(_ path: String) -> Draft {
        let path = absolute(path)
        var draft = Draft(variables: ProfileVariables(process: environment))
        var inheritance = Inheritance(home: home)
        let tree = inheritance.load(path)
        draft.problems = inheritance.problems
        draft.files = inheritance.files
        guard var tree else { return draft.sorted(startingAt: path) }
        readEnvironmentFiles(of: tree, into: &draft)
        var conditions = Conditions(draft.variables)
        tree = conditions.apply(to: tree)
        draft.problems += conditions.problems
        draft.disabled = conditions.disabled
        var interpolation = Interpolation(draft.variables)
        tree = interpolation.resolve(tree, at: "")
        draft.problems += interpolation.problems
        draft.problems += SecretUse.problems(in: tree, uses: interpolation.uses, variables: draft.variables)
        draft.isAbstract = tree["abstract"]?.text.map { CoreSchema.resolve($0) == .boolean(true) } ?? false
        var checker = ProfileChecker(sources: sources, repositories: repositories, notifiers: notifiers, home: home)
        let root = checker.check(tree, isAbstract: draft.isAbstract, switchedOff: draft.disabled)
        // A value whose variable is missing has been told of; that it is empty besides is no news.
        let known = Set(interpolation.problems.map(\.location))
        draft.problems += checker.problems.filter { !known.contains($0.location) }
        draft.ignored = checker.ignored
        draft.notes = checker.notes
        let stem = PathText.stem(of: path)
        draft.name = ProfileName(rawValue: root["profile"]?.text ?? stem)
        if draft.name == nil, root["profile"] == nil, tree["profile"] == nil {
            draft.problems.append(
                ConfigProblem(
                    at: root.location, keyPath: "profile",
                    message:
                        "the file's name `\(shown(stem))` is no name for a profile; give it one with `profile: NAME`"))
        }
        draft.root = root
        return draft.sorted(startingAt: path)
    }

    private func absolute(_ path: String) -> String {
        PathText.absolute(path, below: FileManager.default.currentDirectoryPath, home: home)
    }

    private func readEnvironmentFiles(of tree: YAMLNode, into draft: inout Draft) {
        for element in tree["environment-files"]?.elements ?? [] {
            var interpolation = Interpolation(draft.variables)
            guard let text = interpolation.resolve(element, at: "environment-files").text,
                interpolation.problems.isEmpty
            else { continue }
            let isOptional = text.hasPrefix("-")
            let path = PathText.absolute(
                isOptional ? String(text.dropFirst()) : text, below: PathText.folder(of: element.location.file),
                home: home)
            let (file, problems) = EnvironmentFile.load(
                path, named: element.location, isOptional: isOptional, user: user)
            draft.problems += problems
            if let file { draft.variables.add(file, path: path) }
        }
    }
}

extension ProfileLoader.Draft {
    /// Each problem once, those of the profile's own file first, each file from top to bottom.
    fileprivate func sorted(startingAt path: String) -> Self {
        var draft = self
        var seen: Set<String> = []
        draft.problems = problems.filter { seen.insert($0.description).inserted }.sorted { left, right in
            func order(_ problem: ConfigProblem) -> (Int, String, Int, Int) {
                let place = problem.location
                return (place.file == path ? 0 : 1, place.file, place.line, place.column)
            }
            return order(left) < order(right)
        }
        if draft.problems.count > ShapeChecker.shownProblems {
            let more = draft.problems[ShapeChecker.shownProblems]
            draft.problems.removeSubrange(ShapeChecker.shownProblems...)
            draft.problems.append(
                ConfigProblem(at: more.location, keyPath: "", message: "and more problems from here on"))
        }
        return draft
    }
}

/// A profile, ready to run, and its text as it took effect.
package struct LoadedProfile: Sendable {
    package var profile: Profile
    package var effective: EffectiveProfile
}
