using System.Diagnostics.CodeAnalysis;
using CallServer.Interop.Peers;
using NUnit.Framework.Interfaces;

namespace CallServer.Interop;

/// <summary>A test against real peers: they start inside it and are gone after it, and speak where it failed.</summary>
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
