/// What every kind is given to work with.
package struct Services: Sendable {
    package var runner: any ToolRunner
    package var secrets: any SecretStore
    package var host: any HostFacts
    package var clock: any HostClock
    package var settings: ProfileSettings
    /// Our own program, as a child of which some stages of pipelines run (`holdfast stream …`). A path that also leads to it
    /// when the file has been replaced meanwhile.
    package var program: String

    package init(
        runner: any ToolRunner, secrets: any SecretStore, host: any HostFacts, clock: any HostClock,
        settings: ProfileSettings, program: String = Services.ownProgram
    ) {
        self.runner = runner
        self.secrets = secrets
        self.host = host
        self.clock = clock
        self.settings = settings
        self.program = program
    }

    /// The program of whoever asks, which a child still is when it looks what to become.
    /// - Source: proc(5), /proc/PID/exe, Linux 6.1.
    package static var ownProgram: String {
        #if os(Linux)
            "/proc/self/exe"
        #else
            CommandLine.arguments[0]
        #endif
    }
}
