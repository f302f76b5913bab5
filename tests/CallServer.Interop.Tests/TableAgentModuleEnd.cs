using CallServer.Interop.Peers;

namespace CallServer.Interop;

/// <summary>Deletes the module for snmpd after all tests of a run.</summary>
[SetUpFixture]
internal sealed class TableAgentModuleEnd
{
    [OneTimeTearDown]
    public void Remove() => TableAgentModule.Remove();
}
