using CallServer.Surface;

namespace CallServer.Server.Web.Reading;

/// <summary>What is asked of the connections of one host; each host of a fleet is asked the same.</summary>
internal sealed record ConnectionQuestion
{
    /// <summary>Only those of this gateway; null for all.</summary>
    public string? Gateway { get; init; }

    public required ConnectionFilter Filter { get; init; }

    public ConnectionSort Sort { get; init; }

    public bool Descending { get; init; }

    /// <summary>The place after which the page begins; null for the first page.</summary>
    public ConnectionPlace? After { get; init; }

    /// <summary>At most so many.</summary>
    public int Most { get; init; }

    /// <summary>
    /// The list. Whatever a host's own timeline is, places are told on the common one; to a millisecond, so that the place of a
    /// connection is the same for the next page.
    /// </summary>
    public ConnectionQuery Query(TimeSpan correction) =>
        new(Filter, Sort, Descending, TimeSpan.FromMilliseconds(Math.Round(correction.TotalMilliseconds)));
}

/// <summary>A connection in its place among those of all hosts.</summary>
internal sealed record PlacedConnection(ConnectionPlace Place, ConnectionView View);

/// <summary>One connection.</summary>
/// <param name="Gateway">Its gateway.</param>
/// <param name="Id">Its id there.</param>
internal sealed record ConnectionName(string Gateway, string Id);

/// <summary>A page of one host's connections.</summary>
/// <param name="Connections">The page.</param>
/// <param name="Gateway">The only gateway that it is about, if it was asked for one.</param>
internal sealed record ConnectionAnswer(IReadOnlyList<PlacedConnection> Connections, string? Gateway)
{
    public static ConnectionAnswer Of(ConnectionPage page, string? gateway) =>
        new([.. page.Places.Zip(page.Items, (place, view) => new PlacedConnection(place, view))], gateway);
}

/// <summary>Answers what is asked of the connections of the gateways that this host holds.</summary>
internal sealed class OwnConnections(ServerRuntime runtime)
{
    public ConnectionAnswer Answer(ConnectionQuestion question)
    {
        var correction = runtime.Clock.Correction;
        return ConnectionAnswer.Of(
            question
                .Query(correction)
                .Page(
                    runtime.Ledger.StatesOf(question.Gateway).Select(state => state.Record),
                    question.After,
                    question.Most,
                    runtime.Clock.Now.Steady,
                    correction
                ),
            question.Gateway
        );
    }

    /// <summary>The connection; empty if this host does not have it.</summary>
    public IReadOnlyList<ConnectionView> Find(ConnectionName name) =>
        runtime
            .Ledger.Find(name.Gateway)
            ?.Record.Find(name.Id, runtime.Clock.Now.Steady, runtime.Clock.Correction)
            is { } found
            ? [found]
            : [];
}
