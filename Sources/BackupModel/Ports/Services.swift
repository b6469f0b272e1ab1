/// What every kind is given to work with.
package struct Services: Sendable {
    package var runner: any ToolRunner
    package var secrets: any SecretStore
    package var host: any HostFacts
    package var clock: any HostClock
    package var settings: ProfileSettings

    package init(
        runner: any ToolRunner, secrets: any SecretStore, host: any HostFacts, clock: any HostClock,
        settings: ProfileSettings
    ) {
        self.runner = runner
        self.secrets = secrets
        self.host = host
        self.clock = clock
        self.settings = settings
    }
}
