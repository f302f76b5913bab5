using CallServer.Server.Configuration;
using CallServer.Server.Net;
using CallServer.Storage;
using CallServer.Surface;

namespace CallServer.Server;

/// <summary>Says what a freshly loaded store holds.</summary>
internal static class StoreNews
{
    /// <summary>
    /// Tells those who follow the events that nothing is confirmed any more: one change for each gateway of which the
    /// record holds connections. It is written before anything is heard.
    /// </summary>
    public static void Tell(StoreImage image, ILedgerStore store, IClock clock, ILogger logger)
    {
        var time = (clock.Now.Steady + clock.Correction).ToString();
        ChangeView[] changes =
        [
            .. image
                .Gateways.Where(gateway => gateway.Record.Count > 0)
                .Select(gateway =>
                    ChangeView.Plain(
                        "unconfirmed",
                        gateway.Gateway,
                        null,
                        time,
                        "the server started: no connection is confirmed until the gateway is heard"
                    )
                ),
        ];
        if (changes.Length == 0)
            return;
        try
        {
            store.AddChanges(changes);
        }
        catch (StoreException fault)
        {
            logger.LogWarning(
                "those who follow the events do not learn that the server started: {Reason}",
                fault.Message
            );
        }
    }

    /// <summary>Logs what the server starts with, and anything odd about it.</summary>
    public static void Say(StoreImage image, ServerConfiguration configuration, ILogger logger)
    {
        foreach (var row in image.Unreadable)
            logger.LogError(
                "the store holds what this version cannot read, kept there and left out: {Gateway} {Connection}: {Why}",
                row.Gateway,
                row.Connection ?? "(the gateway itself)",
                row.Why
            );
        if (image.Identity.Name is { } name && name != configuration.Name)
            logger.LogWarning(
                "the store was {Before}'s and is {Name}'s from now on",
                name,
                configuration.Name
            );
        var configured = configuration
            .Gateways.Select(gateway => gateway.Id)
            .ToHashSet(StringComparer.Ordinal);
        foreach (var gateway in image.Gateways.Where(gateway => !configured.Contains(gateway.Gateway)))
        {
            if (gateway.Record.Count > 0)
                logger.LogWarning(
                    "{Gateway}: not in the configuration; its {Count} connections stay in the record, unconfirmed",
                    gateway.Gateway,
                    gateway.Record.Count
                );
        }

        logger.LogInformation(
            "loaded {Connections} connections of {Gateways} gateways, all unconfirmed until their gateways speak",
            image.Gateways.Sum(gateway => gateway.Record.Count),
            image.Gateways.Count
        );
    }
}
