import BackupModel
import Digests
import Foundation
import Programs

/// Puts large files into S3 in parts. Nothing is to be seen of one before all of it is there. An upload that comes to nothing is
/// aborted; one that was killed is noted here, and aborted by the next pass.
struct S3PartUpload: Sendable {
    let address: S3Address
    let location: String
    let credential: S3Credential
    let certificates: String?
    let services: Services
    let sizes: Sizes
    let notes: UploadNotes

    struct Sizes: Sendable, Equatable {
        /// Files that are larger go in parts.
        var threshold: ByteCount
        var part: ByteCount

        /// The largest file that S3 takes in one piece.
        /// - Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/upload-objects.html
        static let largestPut = ByteCount(5 << 30)
        static let usualPart = ByteCount(512 << 20)

        /// - Parameter chosen: what the profile says.
        init(_ chosen: ByteCount?) {
            threshold = chosen ?? Sizes.largestPut
            part = max(S3Parts.leastPart, chosen ?? Sizes.usualPart)
        }

        /// Of a file, in whole mebibytes where that many parts would be too many.
        func part(of bytes: Int64) -> Int64 {
            let least = (bytes + S3Parts.most - 1) / S3Parts.most
            return max(part.bytes, (least + (1 << 20) - 1) / (1 << 20) * (1 << 20))
        }
    }

    enum Answer: Sendable, Equatable { case put, found }

    /// How many parts go side by side, and how often one is tried.
    private static let (atATime, attempts) = (4, 3)

    func isWanted(for item: MirrorItem) -> Bool { item.bytes > sizes.threshold.bytes }

    /// - Throws: ``RepositoryError``; what was uploaded is gone again, or the error says that it is not.
    func put(_ item: MirrorItem) async throws(RepositoryError) -> Answer {
        let size = sizes.part(of: item.bytes)
        let digests = try digests(of: item, size)
        let url = address.url(of: item.path)
        let id = try await begin(url, item)
        do throws(RepositoryError) {
            try notes.add(UploadNotes.Note(place: location, path: item.path, id: id))
            let tags = try await put(item, digests.parts.map(\.description), size, url, id)
            let answer = try await complete(item, tags, url, id)
            if answer == .found { await discard(item.path, url, id) }
            notes.remove(id)
            return answer
        } catch {
            let left = await uncancelled { await discard(item.path, url, id) }
            guard let left else {
                notes.remove(id)
                throw error
            }
            throw Self.naming(left, in: error)
        }
    }

    private func digests(of item: MirrorItem, _ size: Int64) throws(RepositoryError) -> PartDigests {
        let digests: PartDigests
        do throws(DigestError) {
            digests = try PartDigests(ofFile: item.file, partSize: size) { Task.isCancelled }
        } catch {
            if case .stopped = error { throw .cancelled }
            throw .unsupported("\(item.path): \(error.description)")
        }
        guard digests.whole.description == item.digest else {
            throw .damaged(
                location: location, detail: "\(item.path) was changed while it was sent; it was not put")
        }
        return digests
    }

    private func begin(_ url: String, _ item: MirrorItem) async throws(RepositoryError) -> String {
        let output = try await services.runner.end(
            of: S3Parts.begin(url, credential, certificates: certificates).command()
        ).output.text
        let answer = CurlRequest.answer(output)
        guard answer?.status == 200, let id = S3Parts.id(output) else { throw failure(answer, "begin \(item.path)") }
        return id
    }

    private func put(
        _ item: MirrorItem, _ digests: [String], _ size: Int64, _ url: String, _ id: String
    ) async throws(RepositoryError) -> [String] {
        var tags: [String] = []
        for batch in Array(digests.enumerated()).chunks(of: S3PartUpload.atATime) {
            let answers = await withTaskGroup(of: (Int, Result<String, RepositoryError>).self) { group in
                for (index, digest) in batch {
                    group.addTask {
                        let start = Int64(index) * size
                        let piece = Piece(
                            number: index + 1, start: start, bytes: min(size, item.bytes - start), digest: digest)
                        return (index, await put(piece, of: item, url, id))
                    }
                }
                return await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
            }
            for index in answers.keys.sorted() {
                if let answer = answers[index] { tags.append(try answer.get()) }
            }
        }
        return tags
    }

    private struct Piece: Sendable {
        var number: Int
        var start: Int64
        var bytes: Int64
        var digest: String
    }

    /// - Returns: what the server calls it.
    private func put(
        _ piece: Piece, of item: MirrorItem, _ url: String, _ id: String
    ) async -> Result<String, RepositoryError> {
        let limit = services.settings.uploadLimit.map { ByteCount(max(1, $0.bytes / Int64(S3PartUpload.atATime))) }
        let stages = [
            OwnStreams(program: services.program).slice(item.file, from: piece.start, bytes: piece.bytes),
            S3Parts.put(
                piece.number, of: id, url, bytes: piece.bytes, digest: piece.digest, credential,
                certificates: certificates, limit: limit),
        ].map { command in
            var command = command
            command.niceness = services.settings.niceness
            return command
        }
        var last = RepositoryError.unreachable(location: location, detail: "no answer")
        for attempt in 1...S3PartUpload.attempts {
            if Task.isCancelled { return .failure(.cancelled) }
            do {
                let result = try await services.runner.pipeline(stages, refusingEmpty: true, reading: nil)
                if result.stages.contains(where: { $0.stopped == .cancelled }) { return .failure(.cancelled) }
                let output = result.stages.last?.output.text ?? ""
                let answer = CurlRequest.answer(output)
                if result.committed, answer?.status == 200, let tag = S3Parts.tag(output) { return .success(tag) }
                last = failure(answer, "part \(piece.number) of \(item.path)")
                // What was refused is refused again.
                if let status = answer?.status, (400..<500).contains(status) { return .failure(last) }
                if attempt < S3PartUpload.attempts { try await services.clock.sleep(for: .seconds(attempt * attempt)) }
            } catch let error as ToolError {
                return .failure(.tool(error))
            } catch {
                return .failure(.cancelled)
            }
        }
        return .failure(last)
    }

    private func complete(
        _ item: MirrorItem, _ tags: [String], _ url: String, _ id: String
    ) async throws(RepositoryError) -> Answer {
        let document = S3Parts.document(tags)
        let digest: String
        do throws(DigestError) { digest = try SHA256.digest(of: Array(document.utf8)).description } catch {
            throw .unsupported(error.description)
        }
        let request = S3Parts.complete(id, url, document, digest: digest, credential, certificates: certificates)
        let answer = CurlRequest.answer(try await services.runner.end(of: request.command()).output.text)
        switch (answer?.status, answer?.errorCode) {
        case (200, nil): return .put
        case (412, _), (200, "PreconditionFailed"): return .found
        default: throw failure(answer, "complete \(item.path)")
        }
    }

    /// - Returns: what stays there all the same, in words.
    @discardableResult
    private func discard(_ path: String, _ url: String, _ id: String) async -> String? {
        await S3PartUpload.abort(path, url, id, credential, certificates, services.runner)
    }

    /// - Returns: what stays there all the same, in words.
    static func abort(
        _ path: String, _ url: String, _ id: String, _ credential: S3Credential, _ certificates: String?,
        _ runner: any ToolRunner
    ) async -> String? {
        let request = S3Parts.abort(url, id, credential, certificates)
        let why: String
        do throws(RepositoryError) {
            let answer = CurlRequest.answer(try await runner.end(of: request.command()).output.text)
            if let status = answer?.status, (200..<300).contains(status) || status == 404 { return nil }
            why = answer.map { $0.status == 0 ? $0.trouble : Inquiry.words($0) } ?? "no answer"
        } catch {
            why = error.description
        }
        return
            "parts of an upload of \(path) stay there, which could not be aborted (\(why)): they are no copy and take room; "
            + "have the bucket abort uploads that are not complete after some days"
    }

    private static func naming(_ left: String, in error: RepositoryError) -> RepositoryError {
        switch error {
        case .denied(let location, let detail): .denied(location: location, detail: "\(detail); \(left)")
        case .unreachable(let location, let detail): .unreachable(location: location, detail: "\(detail); \(left)")
        // It stays noted, and the next pass tells of it.
        default: error
        }
    }

    private func failure(_ answer: CurlRequest.Answer?, _ what: String) -> RepositoryError {
        guard let answer, answer.status != 0 else {
            return .unreachable(location: location, detail: "\(what): \(answer?.trouble ?? "no answer")")
        }
        let detail = "\(what): \(Inquiry.words(answer))"
        return (400..<500).contains(answer.status)
            ? .denied(location: location, detail: detail) : .unreachable(location: location, detail: detail)
    }
}

/// What was begun in parts, noted here until it has come to an end: a credential that may put and nothing else cannot ask.
struct UploadNotes: Sendable {
    struct Note: Codable, Sendable, Equatable {
        var place: String
        var path: String
        var id: String
    }

    let folder: String

    func add(_ note: Note) throws(RepositoryError) {
        do {
            try SystemFolder.makePrivate(folder)
            try SystemFolder.makeFile(Array(try JSONEncoder().encode(note)), at: file(note.id))
        } catch let error as SystemFailure {
            throw .unsupported("\(error.path) cannot be written: \(error.reason)")
        } catch {
            throw .unsupported("what is uploaded cannot be noted: \(error)")
        }
    }

    func remove(_ id: String) { unlink(file(id)) }

    /// Those of one place.
    func all(at place: String) -> [Note] {
        // Where they cannot be read no left-over is aborted, which only takes room.
        let names = (try? SystemFolder.names(in: folder)) ?? []
        // One that cannot be read was cut off when it was written, before anything was uploaded.
        return names.compactMap { name in
            FileManager.default.contents(atPath: "\(folder)/\(name)").flatMap {
                try? JSONDecoder().decode(Note.self, from: $0)
            }
        }.filter { $0.place == place }
    }

    private func file(_ id: String) -> String { "\(folder)/\(RunNames.safe(id)).json" }
}

extension ServerAccess {
    /// Aborts what killed uploads left at a place, as far as this machine has noted it.
    /// - Returns: what stays there, in words.
    func settleUploads(at address: S3Address) async throws(RepositoryError) -> [String] {
        let notes = uploadNotes
        var said: [String] = []
        for note in notes.all(at: location) {
            let left = await S3PartUpload.abort(
                note.path, address.url(of: note.path), note.id, try await s3Credential(for: address), certificates,
                services.runner)
            if let left { said.append(left) }
            // It is told once: who may not abort will not be allowed to tomorrow.
            notes.remove(note.id)
        }
        return said
    }
}
