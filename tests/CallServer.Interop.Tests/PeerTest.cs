using System.Diagnostics.CodeAnalysis;
using CallServer.Interop.Peers;
using NUnit.Framework.Interfaces;

namespace CallServer.Interop;

/// <summary>
/// Base for tests against real peers: the peers start within the test, are gone after it, and their output is shown
/// if it fails.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "NUnit calls CloseAsync after each test.")]
internal abstract class PeerTest
{
    private Scope? scope;

    /// <summary>What the running test owns.</summary>
    protected Scope Scope => scope ?? throw new InvalidOperationException("no test is running");

    [SetUp]
    public void Open() => scope = new Scope();

    [TearDown]
    public async Task CloseAsync()
    {
        if (TestContext.CurrentContext.Result.Outcome.Status == TestStatus.Failed)
            Scope.Tell(TestContext.Out);
        await Scope.DisposeAsync();
        scope = null;
    }
}
