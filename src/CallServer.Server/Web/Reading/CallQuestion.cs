using CallServer.Surface;

namespace CallServer.Server.Web.Reading;

/// <summary>What is asked of the calls of one host; each host of a fleet is asked the same.</summary>
internal enum CallAsked
{
    /// <summary>A page of calls.</summary>
    List,

    /// <summary>The calls with an id, with their legs.</summary>
    One,

    /// <summary>A page of findings.</summary>
    Findings,

    /// <summary>How many there are.</summary>
    Count,
}

/// <summary>A question about calls, as hosts pass it on to each other.</summary>
internal sealed record CallQuestion
{
    public required CallAsked Asked { get; init; }

    /// <summary>A gateway that one of the legs is on; null for any.</summary>
    public string? Gateway { get; init; }

    /// <summary>The call's id, which may have an asterisk in a list.</summary>
    public string? Call { get; init; }

    public string? Originator { get; init; }

    public string? Remote { get; init; }

    /// <summary>GATEWAY/ID of one of its legs.</summary>
    public string? Leg { get; init; }

    /// <summary>Only calls with findings.</summary>
    public bool HasFindings { get; init; }

    /// <summary>Only findings of this kind.</summary>
    public string? Kind { get; init; }

    public DateTimeOffset? Since { get; init; }

    public DateTimeOffset? Until { get; init; }

    /// <summary>The place after which the page begins; null for the first page.</summary>
    public IReadOnlyList<string>? Cursor { get; init; }

    /// <summary>At most so many.</summary>
    public int Most { get; init; }

    public CountKey By { get; init; }

    /// <summary>Numbers are hidden from whoever asks.</summary>
    public bool HidesNumbers { get; init; }
}

/// <summary>A call in its place among those of all hosts.</summary>
/// <param name="Id">Its id; empty if it has none.</param>
/// <param name="Gateway">The gateway of its first leg.</param>
/// <param name="Connection">That leg's id there.</param>
/// <param name="View">The call.</param>
internal sealed record PlacedCall(string Id, string Gateway, string Connection, CallView View)
    : IComparable<PlacedCall>
{
    /// <inheritdoc/>
    public int CompareTo(PlacedCall? other) =>
        other is null ? 1
        : string.CompareOrdinal(Id, other.Id) is not 0 and var byId ? byId
        : string.CompareOrdinal(Gateway, other.Gateway) is not 0 and var byGateway ? byGateway
        : string.CompareOrdinal(Connection, other.Connection);
}

/// <summary>A finding of a call, in the call's place.</summary>
internal sealed record PlacedFinding(PlacedCall Call, FindingView Finding);

/// <summary>Calls and connections of one host.</summary>
/// <param name="Calls">How many calls there are.</param>
/// <param name="Keys">By what they were counted.</param>
internal sealed record CallCount(int Calls, IReadOnlyList<CountView> Keys);

/// <summary>What one host answers: what was asked for, and nothing else.</summary>
internal sealed record CallAnswer
{
    public IReadOnlyList<PlacedCall> Calls { get; init; } = [];

    public IReadOnlyList<CallDetailView> Details { get; init; } = [];

    public IReadOnlyList<PlacedFinding> Findings { get; init; } = [];

    public CallCount? Count { get; init; }
}
