using CallServer.Server.Configuration;
using CallServer.Storage;

namespace CallServer.Server;

/// <summary>Logs what a freshly loaded store holds.</summary>
internal static class StoreNews
{
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
