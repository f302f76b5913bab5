namespace CallServer.Storage;

/// <summary>What stores keep about the server, by name.</summary>
internal static class MetaKeys
{
    public const string Name = "name";
    public const string Epoch = "epoch";
    public const string Acts = "acts";
    public const string Correction = "correction_micros";
    public const string Opened = "opened_at";
    public const string Units = "units";
}
