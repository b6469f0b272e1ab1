import BackupModel
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import HostSystem

/// These change the whole test process, so they run one after the other and put everything back.
@Suite(.serialized) struct `This process` {
    @Test func `leaves no core and cannot be traced, and its children still open what they inherit`() throws {
        var before = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &before)
        defer {
            NoDump.dumpable(set: true)
            setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &before)
        }
        try NoDump.apply()
        #expect(!NoDump.isDumpable)
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &limit)
        #expect(limit.rlim_cur == 0 && limit.rlim_max == 0)

        // As the runner hands over a secret: a private file, open, gone by name, read through /dev/fd.
        let folder = try ScratchFolder("dump")
        let path = try folder.write("inherited", to: "secret")
        let descriptor = open(path, O_RDONLY)
        defer { close(descriptor) }
        unlink(path)
        let child = try TestProcess(["/bin/cat", "/dev/fd/0"], input: descriptor, output: folder["output"])
        #expect(child.wait() == .exited(0))
        #expect(try String(contentsOfFile: folder["output"], encoding: .utf8) == "inherited")
        #expect(LocalHost().executableName(of: getpid()) != nil)
        #expect(LocalHost().currentProcess().startTime > 0)
    }

    @Test(.timeLimit(.minutes(1))) func `hears every signal that asks it to end, counted, and lives on`() throws {
        let heard = Mutex<[String]>([])
        let watch = try SignalWatch.start { signal, count in heard.withLock { $0.append("\(signal) \(count)") } }
        defer { watch.stop() }
        for (index, number) in [SIGTERM, SIGINT, SIGHUP, SIGTERM].enumerated() {
            kill(getpid(), number)
            while heard.withLock({ $0.count }) <= index { usleep(1000) }
        }
        #expect(heard.withLock { $0 } == ["terminate 1", "interrupt 2", "hangUp 3", "terminate 4"])
    }

    @Test func `is not ended by writing to a program that is gone`() throws {
        let watch = try SignalWatch.start { _, _ in }
        defer { watch.stop() }
        var ends: [Int32] = [0, 0]
        #expect(pipe(&ends) == 0)
        close(ends[0])
        #expect(write(ends[1], "x", 1) == -1 && errno == EPIPE)
        close(ends[1])
    }

    @Test func `is watched by one at a time, and handled as before afterwards`() throws {
        var before = sigaction()
        sigaction(SIGTERM, nil, &before)
        let watch = try SignalWatch.start { _, _ in }
        #expect(throws: Failure.self) { _ = try SignalWatch.start { _, _ in } }
        watch.stop()
        watch.stop()
        var after = sigaction()
        sigaction(SIGTERM, nil, &after)
        #expect(
            unsafeBitCast(before.__sigaction_handler.sa_handler, to: Int.self)
                == unsafeBitCast(after.__sigaction_handler.sa_handler, to: Int.self))
        try SignalWatch.start { _, _ in }.stop()
    }

    @Test func `goes on when the terminal goes, if it was started so`() throws {
        let former = signal(SIGHUP, SIG_IGN)
        defer { signal(SIGHUP, former) }
        let heard = Mutex(0)
        let watch = try SignalWatch.start { _, _ in heard.withLock { $0 += 1 } }
        kill(getpid(), SIGHUP)
        usleep(50_000)
        watch.stop()
        #expect(heard.withLock { $0 } == 0)
    }

    @Test func `does not pass its handling on to children`() throws {
        let watch = try SignalWatch.start { _, _ in }
        defer { watch.stop() }
        let child = try TestProcess(["/bin/sleep", "60"])
        child.kill(SIGTERM)
        #expect(child.wait() == .signaled(SIGTERM))
    }
}
