using CallServer.Surface;

namespace CallServer.Server.Web.Reading;

/// <summary>What is asked of the connections of one host; each host of a fleet is asked the same.</summary>
internal sealed record ConnectionQuestion
{
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

/// <summary>A page of one host's connections.</summary>
internal sealed record ConnectionAnswer(IReadOnlyList<PlacedConnection> Connections)
{
    public static ConnectionAnswer Of(ConnectionPage page) =>
        new([.. page.Places.Zip(page.Items, (place, view) => new PlacedConnection(place, view))]);
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
                    runtime.Ledger.States.Select(state => state.Record),
                    question.After,
                    question.Most,
                    runtime.Clock.Now.Steady,
                    correction
                )
        );
    }
}
