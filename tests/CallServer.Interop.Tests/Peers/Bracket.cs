namespace CallServer.Interop.Peers;

/// <summary>An instant known to lie between two readings of this machine's clock.</summary>
internal readonly record struct Bracket(DateTimeOffset Earliest, DateTimeOffset Latest)
{
    public Bracket Shift(TimeSpan by) => new(Earliest + by, Latest + by);
}
