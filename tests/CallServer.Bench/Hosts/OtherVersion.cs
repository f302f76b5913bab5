using CallServer.Host.Cli;
using CallServer.Interop.Peers;

namespace CallServer.Bench.Hosts;

/// <summary>A build of <c>callserver</c> of another commit, under another version's number.</summary>
internal static class OtherVersion
{
    private const string Number = "0.0.1";
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(20);

    /// <summary>Builds one from this repository; takes minutes.</summary>
    /// <param name="scope">What owns the build.</param>
    /// <param name="revision">The commit; null for the newest tag before HEAD, or HEAD if there is none.</param>
    /// <returns>The folder of its <c>callserver.dll</c>.</returns>
    public static async Task<string> BuildAsync(Scope scope, string? revision)
    {
        var git = Programs.Find("git");
        var root = await RunAsync(git, "-C", AppContext.BaseDirectory, "rev-parse", "--show-toplevel");
        var from = revision ?? await TagAsync(git, root) ?? "HEAD";
        var (source, archive, built) = (
            scope.NewFolder("other"),
            scope.PathOf("other.tar"),
            scope.NewFolder("other-built")
        );
        await RunAsync(git, "-C", root, "archive", "--output", archive, from);
        await RunAsync(Programs.Find("tar"), "-x", "-f", archive, "-C", source);
        Console.WriteLine($"builds {from} as version {Number}");
        await RunAsync(
            Programs.Find("dotnet"),
            [
                "build",
                Path.Combine(source, "src", "CallServer.Host"),
                "-c",
                "Release",
                "-nodeReuse:false",
                $"-p:ReleaseVersion={Number}",
                "-o",
                built,
            ]
        );
        return built;
    }

    /// <summary>What a build says of itself.</summary>
    public static Task<string> NameAsync(string? folder) =>
        RunAsync(Child.CallServer[0], [.. Child.CallServerIn(folder)[1..], "--version"]);

    private static async Task<string?> TagAsync(string git, string root)
    {
        try
        {
            return await RunAsync(git, "-C", root, "describe", "--tags", "--abbrev=0", "HEAD~1");
        }
        catch (CommandFailedException)
        {
            return null;
        }
    }

    private static async Task<string> RunAsync(string program, params IEnumerable<string> words)
    {
        await using var child = ChildProcess.Start(program, words);
        var finished = await child.FinishAsync(Patience);
        return finished.ExitCode == 0 ? finished.Output.Trim() : throw Trouble.Failed(finished.ToString());
    }
}
